import { createRoute, z } from "@hono/zod-openapi";
import {
  pairingCodeAnswerSchema,
  pairingCodeRequestSchema,
  sessionIdSchema,
} from "@whatsapp-engine/contract/api";
import type { Pairing } from "../../sessions/index.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";
import { readOptionalJson } from "../bodies/json-body.ts";

/** As it stands in the document; the body, which may be left out, is read by hand. */
const { $defs, ...unnamed } = z.toJSONSchema(pairingCodeRequestSchema, { io: "input" });
// One with a name of its own stands among the definitions, where the document does not look.
const { id: _, ...requestSchema } = ($defs?.["PairingCodeRequest"] ?? unnamed) as Record<string, unknown>;

const route = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/pairing-code",
  summary: "A code to type in on the phone, instead of scanning the QR",
  description: "The phone of the account is notified. A new code takes the place of the one before.",
  request: {
    params: z.object({ sessionId: sessionIdSchema }),
    body: { content: { "application/json": { schema: requestSchema } } },
  },
  responses: {
    200: { description: "the code", content: { "application/json": { schema: pairingCodeAnswerSchema } } },
    ...errorResponses(
      "invalid_session_id",
      "invalid_request",
      "invalid_json",
      "invalid_phone_number",
      "unsupported_media_type",
      "session_not_found",
      "session_conflict",
      "pairing_not_available",
      "pairing_refused",
      "outcome_unknown",
      "runner_unavailable",
      "runtime_unavailable",
    ),
  },
});

export const pairingCodeRoutes = ({ pairing }: { pairing: Pairing }) =>
  createRouter().openapi(route, async (c) => {
    const { sessionId } = c.req.valid("param");
    const input = await readOptionalJson(c, pairingCodeRequestSchema);
    const { code, expiresAt } = await pairing.code(sessionId, input, c.req.raw.signal);
    // A code is a key to the account for as long as it lives.
    c.header("Cache-Control", "no-store");
    return c.json({ success: true as const, sessionId, code, expiresAt }, 200);
  });
