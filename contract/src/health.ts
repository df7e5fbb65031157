import { z } from "zod";
import { sessionStatuses } from "./session.ts";

export const healthAnswerSchema = z.object({
  success: z.literal(true),
  status: z.literal("ok"),
  version: z.string(),
  uptimeSeconds: z.number().int(),
  sessions: z.object(
    Object.fromEntries(sessionStatuses.map((status) => [status, z.number().int()])) as Record<
      (typeof sessionStatuses)[number],
      z.ZodNumber
    >,
  ),
});

export const readyAnswerSchema = z.object({ success: z.literal(true), status: z.literal("ready") });
