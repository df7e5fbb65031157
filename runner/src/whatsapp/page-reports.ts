import { problemsAsText } from "@whatsapp-engine/contract/api";
import { ackSchema, MAX_ID_LENGTH } from "@whatsapp-engine/contract/runner";
import { z } from "zod";
import type { FoundMessage } from "./client.ts";

/*
 * What the page says, as it is taken: of its length first, then of its form. Much of it comes from strangers, and the page's own
 * code changes without notice.
 */

/** Longest report, in UTF-16 units: something that came in with the longest body, each unit of it escaped. */
const MAX_REPORT_LENGTH = 2 * 1024 * 1024;

const id = z.string().max(MAX_ID_LENGTH);
const count = z.number().nullable().catch(null);

/** An ack that is not known says nothing of what became of the message. */
const foundMessageSchema = z.object({
  key: id,
  shortId: id,
  ack: ackSchema,
  unixSeconds: z.number().min(0).max(253_402_300_799).nullable().catch(null),
  refusal: z.object({ code: count, untilUnixMs: count }).nullable().catch(null),
}) satisfies z.ZodType<FoundMessage>;

const reportSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("socket"), state: z.string().max(100) }),
  z.object({ type: z.literal("logout") }),
  z.object({ type: z.literal("passkey"), asked: z.boolean() }),
  z.object({ type: z.literal("before_send"), ref: id, key: id }),
  z.object({
    type: z.literal("after_send"),
    ref: id,
    found: foundMessageSchema.nullable().catch(null),
    failure: z.string().nullable(),
    refused: z.boolean(),
  }),
  z.object({ type: z.literal("ack"), message: foundMessageSchema }),
  z.object({ type: z.literal("inbound"), event: z.unknown() }),
  /** The page needed this mend for the first time. */
  z.object({ type: z.literal("mend"), name: z.string().max(100), failed: z.literal(true).optional() }),
  /** The page's own code could not read what came in. */
  z.object({ type: z.literal("unreadable"), why: z.string() }),
]);
export type PageReport = z.infer<typeof reportSchema>;

/** Reads what came by `window.tellEngine`; `why`: what is wrong with it. Does not throw. */
export const readReport = (
  text: string,
): { report: PageReport; why: null } | { report: null; why: string } => {
  if (text.length > MAX_REPORT_LENGTH)
    return { report: null, why: `longer than ${MAX_REPORT_LENGTH} characters` };
  try {
    const { data, error } = reportSchema.safeParse(JSON.parse(text));
    return data === undefined ? { report: null, why: problemsAsText(error) } : { report: data, why: null };
  } catch {
    return { report: null, why: "no JSON" };
  }
};

/** Those that can be read; of the others the page knows nothing that can be relied on. */
export const readFound = (told: readonly unknown[]): FoundMessage[] =>
  told.flatMap((one) => foundMessageSchema.safeParse(one).data ?? []);
