import { createMiddleware } from "hono/factory";
import iconv from "iconv-lite";
import { AppError, findHalf } from "@whatsapp-engine/contract";
import type { AppEnv } from "./context.ts";

const JSON_TYPE = /^application\/json\b/i;

/**
 * Reads a JSON body as text, by the charset that its type declares, else UTF-8. What cannot be read so is refused: a caller who is told
 * mends it, and a message of replacement characters is nobody's. So is half a character (a lone surrogate) in it.
 */
export const readJsonText = createMiddleware<AppEnv>(async (c, next) => {
  const type = c.req.header("Content-Type") ?? "";
  if (c.req.method !== "GET" && c.req.method !== "HEAD" && JSON_TYPE.test(type)) {
    const text = decoded(await c.req.arrayBuffer(), /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type)?.[1]);
    // Typed as the text itself; what reads the body waits for it.
    c.req.bodyCache = { text: Promise.resolve(text) as unknown as string };
    refuseHalves(text);
  }
  await next();
});

function decoded(bytes: ArrayBuffer, charset = "utf-8"): string {
  const isUtf8 = /^utf-?8$/i.test(charset);
  try {
    if (isUtf8) return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // Node's own decoder reads windows-1252 as Latin 1 (nodejs/node 56542).
    const text = iconv.decode(Buffer.from(bytes), charset);
    if (!text.includes("\u{FFFD}")) return text;
  } catch (cause) {
    if (!isUtf8)
      throw refusal(`names a charset that is not known (${charset.slice(0, 40)}); send UTF-8`, cause);
  }
  throw refusal(
    isUtf8
      ? "is not UTF-8; send it so, or name its charset in Content-Type"
      : `is not ${charset.slice(0, 40)}, as its Content-Type says`,
  );
}

const refusal = (why: string, cause?: unknown) => new AppError("invalid_json", `The body ${why}.`, { cause });

function refuseHalves(text: string): void {
  const at = findHalf(text);
  if (at === -1) return;
  const around = text.slice(Math.max(0, at - 20), at);
  const message = `holds half a character (a lone surrogate) at position ${at}, behind ${JSON.stringify(around)}`;
  throw new AppError("invalid_request", "The request's body is not valid.", {
    details: [{ field: "body", message }],
  });
}
