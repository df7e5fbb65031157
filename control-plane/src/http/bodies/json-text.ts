import { createMiddleware } from "hono/factory";
import { AppError } from "@whatsapp-engine/contract/api";
import { findHalf } from "@whatsapp-engine/contract/runner";
import { charsetOf, decodeText } from "./charset.ts";
import { whyTooMuch } from "./json-amount.ts";
import { giveWay } from "../../lib/turns.ts";
import { parseAside } from "./parse-aside.ts";
import type { AppEnv } from "../context.ts";

/** Bytes from which on a body counts as large. */
const LARGE = 256 * 1024;
/** And as so large that it is parsed beside all else; a thread takes some 20 ms to start. */
const VERY_LARGE = 4 * 1024 * 1024;

const JSON_TYPE = /^application\/json\b/i;

/**
 * Reads a JSON body as text, by the charset that its type declares, else UTF-8. What cannot be read so is refused, and so is half a
 * character (a lone surrogate) in it, and what holds more than any call takes. A very large one is parsed once, whoever asks for it.
 */
export const readJsonText = createMiddleware<AppEnv>(async (c, next) => {
  const type = c.req.header("Content-Type") ?? "";
  if (c.req.method !== "GET" && c.req.method !== "HEAD" && JSON_TYPE.test(type)) {
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    // Each look at a large one is felt by others, and several at once by so much longer.
    const turn = async () => void (bytes.length > LARGE && (await giveWay()));
    await turn();
    const text = await decodeText(bytes, charsetOf(type), refusal);
    // Typed as the text itself; what reads the body waits for it.
    c.req.bodyCache = { text: Promise.resolve(text) as unknown as string };
    await turn();
    refuseTooMuch(text);
    await turn();
    refuseHalves(text);
    await turn();
    if (bytes.length > VERY_LARGE) {
      const value = parseAside(text);
      value.catch(() => undefined); // whoever asks for it learns of it
      c.req.json = () => value as Promise<never>;
    }
  }
  await next();
});

const refusal = (why: string, cause?: unknown) => new AppError("invalid_json", `The body ${why}.`, { cause });

function refuseTooMuch(text: string): void {
  const message = whyTooMuch(text);
  if (message !== null) refuse(message);
}

const refuse = (message: string): never => {
  throw new AppError("invalid_request", "The request's body is not valid.", {
    details: [{ field: "body", message }],
  });
};

function refuseHalves(text: string): void {
  const at = findHalf(text);
  if (at === -1) return;
  const around = text.slice(Math.max(0, at - 20), at);
  refuse(`holds half a character (a lone surrogate) at position ${at}, behind ${JSON.stringify(around)}`);
}
