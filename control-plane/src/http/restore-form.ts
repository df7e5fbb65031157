import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { Busboy } from "@fastify/busboy";
import { AppError, type ErrorDetail } from "@whatsapp-engine/contract";
import { spool, type Spooled } from "../backups/spool.ts";

const FORM = /^multipart\/form-data\b/i;
const MAX_PASSPHRASE_BYTES = 4096;

/**
 * The form of `POST …/restore`, its parts in any order; the file goes to the disk as it comes. The caller closes it.
 * Throws `unsupported_media_type`, `invalid_form`, `invalid_request`, `backup_too_large`.
 */
export async function readRestoreForm(
  incoming: IncomingMessage,
  { dir, maxBytes }: { dir: string; maxBytes: number },
): Promise<{ passphrase: string; backup: Spooled }> {
  const contentType = incoming.headers["content-type"] ?? "";
  if (!FORM.test(contentType))
    throw new AppError(
      "unsupported_media_type",
      "Send a form with the parts `passphrase` and `file`, as curl's -F does.",
    );
  const tooLarge = () =>
    new AppError(
      "backup_too_large",
      `The file is larger than BACKUP_MAX_MB (${Math.floor(maxBytes / 1024 / 1024)}) allows.`,
    );

  const problems: ErrorDetail[] = [];
  let passphrase: string | undefined;
  let filePart: Readable | undefined;
  let spooling: Promise<Spooled | undefined> | undefined;
  let failure: unknown;

  await new Promise<void>((resolve) => {
    const fail = (cause: unknown) => {
      failure ??= cause;
      resolve();
    };
    const notWhole = (cause: unknown) =>
      fail(new AppError("invalid_form", "The body is not a complete multipart/form-data.", { cause }));
    try {
      const form = new Busboy({
        headers: { ...incoming.headers, "content-type": contentType },
        limits: { fields: 8, files: 2, fieldSize: MAX_PASSPHRASE_BYTES },
      });
      form.on("field", (name, value) => {
        if (name !== "passphrase") problems.push({ field: name, message: "is not known" });
        else passphrase = value;
      });
      form.on("file", (name, part: Readable) => {
        if (name !== "file" || spooling !== undefined) {
          problems.push({ field: name, message: name === "file" ? "is given more than once" : "is a file" });
          part.resume();
          return;
        }
        filePart = part;
        spooling = spool(part, { dir, maxBytes, tooLarge }).catch((cause: unknown) => {
          fail(cause);
          return undefined;
        });
      });
      form.once("error", notWhole).once("finish", resolve);
      incoming.once("close", () => incoming.complete || notWhole(new Error("The connection broke.")));
      incoming.pipe(form);
    } catch (cause) {
      notWhole(cause);
    }
  });
  incoming.unpipe();
  // Those who still send are heard to the end, or they would not hear the answer.
  if (failure !== undefined) {
    filePart?.destroy();
    incoming.resume();
  }

  const backup = await spooling;
  if (passphrase === undefined || passphrase === "")
    problems.push({ field: "passphrase", message: "is missing" });
  if (spooling === undefined)
    problems.push({ field: "file", message: "is missing; send the backup as a file" });
  if (failure === undefined && problems.length === 0) return { passphrase: passphrase!, backup: backup! };
  await backup?.close();
  throw failure ?? new AppError("invalid_request", "The request's form is not valid.", { details: problems });
}
