import { createRoute, z } from "@hono/zod-openapi";
import QRCode from "qrcode";
import { qrAnswerSchema, qrQuerySchema, sessionIdSchema } from "@whatsapp-engine/contract";
import type { SessionService } from "../../sessions/service.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

/** Pixels of the PNG: large enough for a phone's camera on any screen. */
const PNG_WIDTH = 360;

const route = createRoute({
  method: "get",
  path: "/sessions/{sessionId}/qr",
  summary: "The code to scan: JSON, or a picture by Accept or ?format",
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
    ...errorResponses(
      "invalid_session_id",
      "invalid_request",
      "session_not_found",
      "qr_not_available",
      "runtime_unavailable",
    ),
  },
});

export const qrRoutes = ({ sessions }: { sessions: SessionService }) =>
  createRouter().openapi(route, async (c) => {
    const { sessionId } = c.req.valid("param");
    const { wait, format } = c.req.valid("query");
    const { session, qr } = await sessions.qr(sessionId, wait, c.req.raw.signal);
    // A code is a key to the account for as long as it lives.
    c.header("Cache-Control", "no-store");
    switch (format ?? formatOf(c.req.header("Accept"))) {
      case "png":
        return c.body(new Uint8Array(await QRCode.toBuffer(qr.code, { width: PNG_WIDTH })), 200, {
          "Content-Type": "image/png",
        });
      case "svg":
        return c.body(await QRCode.toString(qr.code, { type: "svg" }), 200, {
          "Content-Type": "image/svg+xml",
        });
      case "text":
        return c.text(await QRCode.toString(qr.code, { type: "utf8" }));
      default: {
        const qrImage = await QRCode.toDataURL(qr.code, { width: PNG_WIDTH });
        const { status } = session;
        return c.json(
          { success: true as const, sessionId, status, qr: qr.code, qrImage, expiresAt: qr.expiresAt },
          200,
        );
      }
    }
  });

function formatOf(accept: string | undefined) {
  const first = accept?.split(",")[0]?.split(";")[0]?.trim();
  if (first === "image/png" || first === "image/*") return "png";
  if (first === "image/svg+xml") return "svg";
  if (first === "text/plain") return "text";
  return "json";
}
