import { z } from "zod";
import { whatsappVersionSchema } from "./session.ts";

/**
 * What is known of a build of WhatsApp Web. `found`: a copy of it is kept, and nothing is known; `trying`: one session is on
 * it; `proven`: what happened on it was as it should be, and all sessions take it over at their next start; `rejected`:
 * it failed on the session that tried it; `refused`: WhatsApp does not let it in any more.
 */
export const buildStates = ["found", "trying", "proven", "rejected", "refused"] as const;
export const buildStateSchema = z.enum(buildStates);
export type BuildState = z.infer<typeof buildStateSchema>;

const time = z.iso.datetime().nullable();

/** How the engine goes from one build to the next. Times are ISO 8601, UTC. */
export const canarySchema = z.object({
  enabled: z.boolean().meta({
    description:
      "Whether builds are tried by one session first; false where all sessions open what WhatsApp serves",
  }),
  whatsappVersion: whatsappVersionSchema.nullable().meta({
    description: "What sessions are started with; null: whatever WhatsApp serves",
  }),
  sessionId: z.string().nullable().meta({ description: "The session that tries a build now" }),
  lookedAt: time.meta({ description: "When it was last looked which build WhatsApp serves" }),
  builds: z.array(
    z.object({
      whatsappVersion: z.string(),
      state: buildStateSchema,
      sessionId: z.string().nullable().meta({ description: "The session that tries it, or tried it last" }),
      foundAt: z.iso.datetime(),
      triedAt: time,
      provenAt: time,
      retryAt: time.meta({ description: "When one that was rejected is tried again" }),
      why: z.string().nullable().meta({ description: "Why it is in its state, for people" }),
    }),
  ),
});
export type Canary = z.infer<typeof canarySchema>;
