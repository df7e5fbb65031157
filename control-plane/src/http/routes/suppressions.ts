import { createRoute, z } from "@hono/zod-openapi";
import {
  addSuppressionSchema,
  listSuppressionsQuerySchema,
  sessionIdSchema,
  suppressionAnswerSchema,
  suppressionListSchema,
  textUpTo,
} from "@whatsapp-engine/contract/api";
import type { Suppressions } from "../../outbox/index.ts";
import type { SessionService } from "../../sessions/index.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";

const list = createRoute({
  method: "get",
  path: "/suppressions",
  summary: "Who must not be written to, page by page; those for all sessions first",
  request: { query: listSuppressionsQuerySchema },
  responses: {
    200: { description: "a page", content: { "application/json": { schema: suppressionListSchema } } },
    ...errorResponses("invalid_request", "invalid_cursor", "invalid_phone_number"),
  },
});

const add = createRoute({
  method: "post",
  path: "/suppressions",
  summary: "Let nobody write to a recipient any more: sends answer 403 recipient_suppressed",
  request: { body: { required: true, content: { "application/json": { schema: addSuppressionSchema } } } },
  responses: {
    201: { description: "added", content: { "application/json": { schema: suppressionAnswerSchema } } },
    200: {
      description: "it was there",
      content: { "application/json": { schema: suppressionAnswerSchema } },
    },
    ...errorResponses(
      "invalid_request",
      "invalid_json",
      "invalid_phone_number",
      "session_not_found",
      "unsupported_media_type",
    ),
  },
});

const remove = createRoute({
  method: "delete",
  path: "/suppressions/{recipient}",
  summary: "Let a recipient be written to again; with sessionId, by this session",
  request: {
    params: z.object({ recipient: textUpTo(64) }),
    query: z.object({ sessionId: sessionIdSchema.optional() }),
  },
  responses: {
    200: { description: "removed", content: { "application/json": { schema: suppressionAnswerSchema } } },
    ...errorResponses("invalid_request", "invalid_phone_number", "suppression_not_found"),
  },
});

export function suppressionRoutes({
  sessions,
  suppressions,
  toRecipient,
}: {
  sessions: Pick<SessionService, "get">;
  suppressions: Suppressions;
  /** A recipient in the form it is kept. Throws `invalid_phone_number`, naming the field. */
  toRecipient: (text: string, field: string) => string;
}) {
  return createRouter()
    .openapi(list, (c) => {
      const query = c.req.valid("query");
      const recipient = query.recipient === undefined ? undefined : toRecipient(query.recipient, "recipient");
      return c.json({ success: true as const, ...suppressions.list({ ...query, recipient }) }, 200);
    })
    .openapi(add, (c) => {
      const input = c.req.valid("json");
      const recipient = toRecipient(input.recipient, "recipient");
      // A session's name with a slip in it would protect nobody.
      if (input.sessionId !== undefined) sessions.get(input.sessionId);
      const { created, suppression } = suppressions.add({ ...input, recipient });
      return c.json({ success: true as const, suppression }, created ? 201 : 200);
    })
    .openapi(remove, (c) => {
      const recipient = toRecipient(c.req.valid("param").recipient, "recipient");
      const suppression = suppressions.remove(recipient, c.req.valid("query").sessionId);
      return c.json({ success: true as const, suppression }, 200);
    });
}
