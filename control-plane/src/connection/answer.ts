import type { Readable } from "node:stream";
import { MAX_NAME_LENGTH, textOrNullSchema } from "@whatsapp-engine/contract/runner";
import { RunnerUnavailable, useless } from "./unavailable.ts";

type Answer = { body: Readable; headers: Record<string, string | string[] | undefined> };

/** Reads no more of a body. One that is given up says so as an error, which ends the process where nobody hears it. */
export function drop(body: Readable): void {
  body.on("error", () => undefined).destroy();
}

/** A body up to `mostBytes`; of one that is longer no more is read. */
export async function readAll({ body, headers }: Answer, mostBytes: number): Promise<Buffer<ArrayBuffer>> {
  const told = Number(headers["content-length"]);
  if (told > mostBytes) {
    drop(body);
    throw useless(`runner answered with ${told} bytes`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > mostBytes) {
        drop(body);
        break;
      }
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new RunnerUnavailable(cause);
  }
  if (bytes > mostBytes) throw useless(`runner answered with more than ${mostBytes} bytes`);
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
