import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { OperatorError } from "@whatsapp-engine/contract/api";

/**
 * What a file `.env` says, by name; empty where there is none. A byte order mark, as Windows editors write it, is no part
 * of the first name. Throws an `OperatorError` for a file that cannot be read, or is not UTF-8.
 */
export function readEnvFile(path: string): Record<string, string> {
  const place = resolve(path);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return {};
    const why = { EACCES: "may not be read by this user", EISDIR: "is a folder" }[code ?? ""] ?? message;
    throw new OperatorError(`The settings file ${place} cannot be used: it ${why}.`, { cause });
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new OperatorError(`The settings file ${place} is not UTF-8; save it as UTF-8.`, { cause });
  }
  return parseEnv(text) as Record<string, string>;
}
