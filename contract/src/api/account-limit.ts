import { z } from "zod";

/**
 * What WhatsApp keeps an account from, while chats that exist go on. `account_restricted`: for some time it may not write
 * to people it does not know (WhatsApp's error 463); `account_limit_reached`: it wrote to as many new ones as it may in
 * a month (475).
 */
export const accountLimits = ["account_restricted", "account_limit_reached"] as const;
export const accountLimitSchema = z.enum(accountLimits);
export type AccountLimit = z.infer<typeof accountLimitSchema>;

/**
 * Why a message does not go out though its turn has come. `whatsapp_build`: the session tries a new build of WhatsApp Web,
 * whose page failed to take it; it is tried again ten seconds later, or on the build that the session goes back to.
 */
export const waitReasons = [...accountLimits, "whatsapp_build"] as const;
export const waitReasonSchema = z.enum(waitReasons);
export type WaitReason = z.infer<typeof waitReasonSchema>;

const time = z.iso.datetime();

/** How a session is limited now. Times are ISO 8601, UTC. */
export const sessionLimitSchema = z.object({
  code: accountLimitSchema,
  since: time,
  until: time.nullable().meta({ description: "When WhatsApp ends it, where it says so" }),
  nextTryAt: time.meta({ description: "When one message tries whether it is over" }),
});
export type SessionLimit = z.infer<typeof sessionLimitSchema>;
