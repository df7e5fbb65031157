import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { MAX_NAME_LENGTH, textOrNullSchema } from "@whatsapp-engine/contract/runner";
import { AppError } from "@whatsapp-engine/contract/api";
import { RunnerUnavailable, useless } from "./unavailable.ts";

type Body = Dispatcher.ResponseData["body"];
type Answer = Pick<Dispatcher.ResponseData, "body" | "headers">;

/** Reads no more of a body. One that is given up says so as an error, which ends the process where nobody hears it. */
export function drop(body: Readable): void {
  body.on("error", () => undefined).destroy();
}

/** Ends a body that is not at its end after `timeoutMs`; returns what takes the deadline away. */
export function endAfter(body: Readable, timeoutMs: number): () => void {
  // Whoever reads it hears of the error; nobody may read it any more.
  const end = () =>
    body.on("error", () => undefined).destroy(new Error("The runner's answer takes too long."));
  const timer = setTimeout(end, timeoutMs);
  return () => clearTimeout(timer);
}

/** A body of up to `mostBytes`, read within `timeoutMs`; of one that is longer no more is read. */
export async function readAll(
  { body, headers }: Answer,
  mostBytes: number,
  timeoutMs: number,
): Promise<Buffer<ArrayBuffer>> {
  const told = Number(headers["content-length"]);
  if (told > mostBytes) {
    drop(body);
    throw useless(`runner answered with ${told} bytes`);
  }
  const inTime = endAfter(body, timeoutMs);
  try {
    // No more than it told can come, so that nothing has to be counted.
    if (told <= mostBytes) return Buffer.from(await body.arrayBuffer());
    return await readUntold(body, mostBytes);
  } catch (cause) {
    throw cause instanceof AppError ? cause : new RunnerUnavailable(cause);
  } finally {
    inTime();
  }
}

/** One that does not tell its length. */
async function readUntold(body: Body, mostBytes: number): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) {
      drop(body);
      throw useless(`runner answered with more than ${mostBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const nameSchema = textOrNullSchema(MAX_NAME_LENGTH);

/** As a runner writes it; null where it wrote something else. */
export function filenameIn(header: string | string[] | undefined): string | null {
  if (typeof header !== "string") return null;
  try {
    return nameSchema.parse(decodeURIComponent(header));
  } catch {
    return null;
  }
}
