import { runnerEventSchema, sendRecordSchema } from "@whatsapp-engine/contract";
import { z } from "zod";

/** What the journal knows of one send: the record the control plane sees, and the key the page was about to use. */
const journaledSendSchema = sendRecordSchema.extend({
  /** WhatsApp's id of the message, known before the page sends it; null: nothing was handed to WhatsApp. */
  key: z.string().nullable(),
});
export type JournaledSend = z.infer<typeof journaledSendSchema>;

const head = { seq: z.number().int(), at: z.iso.datetime() };

/** One line of the journal. `seq` grows by one a line and never starts again. */
export const journalEntrySchema = z.discriminatedUnion("kind", [
  z.object({ ...head, kind: z.literal("event"), event: runnerEventSchema }),
  /** The newest line of a message is what holds. */
  z.object({ ...head, kind: z.literal("send"), send: journaledSendSchema }),
  /** What came in already, of all that was ever journaled; see `inbound.ts`. */
  z.object({ ...head, kind: z.literal("seen"), newest: z.number(), ids: z.array(z.string()) }),
  /** Last line of a rewrite: keeps the numbering where newer lines are gone. */
  z.object({ ...head, kind: z.literal("start") }),
]);
export type JournalEntry = z.infer<typeof journalEntrySchema>;
export type EventEntry = Extract<JournalEntry, { kind: "event" }>;
export type SendEntry = Extract<JournalEntry, { kind: "send" }>;

/** How much the journal keeps. What is beyond is forgotten, oldest first; unsettled sends always stay. */
export type Retention = { maxAgeMs: number; maxEvents: number; maxEventBytes: number; maxSends: number };

const DAY_MS = 24 * 60 * 60 * 1000;

export const defaultRetention: Retention = {
  maxAgeMs: 7 * DAY_MS,
  maxEvents: 20_000,
  maxEventBytes: 32 * 1024 * 1024,
  maxSends: 20_000,
};
