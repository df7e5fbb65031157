import { createRoute, z } from "@hono/zod-openapi";
import QRCode from "qrcode";
import { AppError, qrAnswerSchema, qrQuerySchema, sessionIdSchema } from "@whatsapp-engine/contract/api";
import type { SessionService } from "../../sessions/index.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

/** Pixels of the PNG: large enough for a phone's camera on any screen. */
const PNG_WIDTH = 360;

const route = createRoute({
  method: "get",
  path: "/sessions/{sessionId}/qr",
  summary: "The code to scan: JSON, or a picture by Accept or ?format",
  description:
    "JSON answers 200 for every session that exists, with `qr: null` and the reason while it shows no code; a picture answers 409 then.",
  request: { params: z.object({ sessionId: sessionIdSchema }), query: qrQuerySchema },
  responses: {
    200: {
      description: "the code",
      content: {
        "application/json": { schema: qrAnswerSchema },
        "image/png": { schema: z.string().meta({ format: "binary" }) },
        "image/svg+xml": { schema: z.string() },
        "text/plain": { schema: z.string() },
      },
    },
    ...errorResponses("invalid_session_id", "invalid_request", "session_not_found", "qr_not_available"),
  },
});

export const qrRoutes = ({ sessions }: { sessions: SessionService }) =>
  createRouter().openapi(route, async (c) => {
    const { sessionId } = c.req.valid("param");
    const { wait, format } = c.req.valid("query");
    const found = await sessions.qr(sessionId, wait, c.req.raw.signal);
    const { session, qr } = found;
    // A code is a key to the account for as long as it lives.
    c.header("Cache-Control", "no-store");
    const wanted = format ?? formatOf(c.req.header("Accept"));
    if (wanted === "json") {
      const qrImage = qr && (await QRCode.toDataURL(qr.code, { width: PNG_WIDTH }));
      const { status, reason } = session;
      const data = { status, reason, qrCode: qrImage };
      const code = { qr: qr?.code ?? null, qrImage, expiresAt: qr?.expiresAt ?? null };
      const detail = found.qr ? session.detail : found.why;
      return c.json({ success: true as const, sessionId, status, reason, detail, ...code, data }, 200);
    }
    if (found.qr === null)
      throw new AppError("qr_not_available", found.why, {
        extra: { status: session.status, reason: session.reason },
      });
    const { code } = found.qr;
    if (wanted === "text") return c.text(blackOnWhite(await QRCode.toString(code, { type: "utf8" })));
    if (wanted === "svg")
      return c.body(await QRCode.toString(code, { type: "svg" }), 200, { "Content-Type": "image/svg+xml" });
    return c.body(new Uint8Array(await QRCode.toBuffer(code, { width: PNG_WIDTH })), 200, {
      "Content-Type": "image/png",
    });
  });

/** Whatever colours the terminal has: not every camera reads a code that is light on dark. 47 is for those that do not know 107. */
const blackOnWhite = (blocks: string): string =>
  blocks
    .split("\n")
    .map((line) => (line === "" ? line : `\u{1B}[30;47;107m${line}\u{1B}[0m`))
    .join("\n");

function formatOf(accept: string | undefined) {
  const first = accept?.split(",")[0]?.split(";")[0]?.trim();
  if (first === "image/png" || first === "image/*") return "png";
  if (first === "image/svg+xml") return "svg";
  if (first === "text/plain") return "text";
  return "json";
}
