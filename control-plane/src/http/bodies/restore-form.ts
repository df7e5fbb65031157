import type { IncomingMessage } from "node:http";
import { AppError, fieldNamed, type ErrorDetail } from "@whatsapp-engine/contract/api";
import { spool, type Spooled } from "../../logins/index.ts";
import { isForm, readForm, textOf } from "./form.ts";

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
  if (!isForm(contentType))
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
  let passphrase = "";
  let hasFile = false;
  let backup: Spooled | undefined;
  try {
    await readForm(incoming, contentType, async (part) => {
      const { name, data } = part;
      if (name === "passphrase") {
        passphrase = await textOf(part, MAX_PASSPHRASE_BYTES);
        return;
      }
      if (name === "file" && !hasFile) {
        hasFile = true;
        backup = await spool(data, { dir, maxBytes, tooLarge });
        return;
      }
      problems.push({
        field: fieldNamed([name]),
        message: name === "file" ? "is given more than once" : "is not known",
      });
      data.resume();
    });
    if (passphrase === "") problems.push({ field: "passphrase", message: "is missing" });
    if (backup === undefined)
      problems.push({ field: "file", message: "is missing; send the backup as a file" });
    else if (problems.length === 0) return { passphrase, backup };
    throw new AppError("invalid_request", "The request's form is not valid.", { details: problems });
  } catch (error) {
    await backup?.close();
    throw error;
  }
}
