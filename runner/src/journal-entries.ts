import { problemsAsText } from "@whatsapp-engine/contract/api";
import { runnerEventSchema, sendRecordSchema } from "@whatsapp-engine/contract/runner";
import { z } from "zod";
import { newRecord, unknownOutcome } from "./send-outcome.ts";

/** What the journal knows of one send: the record the control plane sees, and the key the page was about to use. */
const journaledSendSchema = sendRecordSchema.extend({
  /** WhatsApp's id of the message, known before the page sends it; null: nothing was handed to WhatsApp. */
  key: z.string().nullable(),
});
export type JournaledSend = z.infer<typeof journaledSendSchema>;

const head = { seq: z.number().int(), at: z.iso.datetime() };

/** One line of the journal. `seq` grows by one a line and never starts again. */
const journalEntrySchema = z.discriminatedUnion("kind", [
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

/** As much of a line that cannot be read as keeps numbers from being given twice, and messages from being sent twice. */
const remainsSchema = z.object({
  seq: head.seq.min(0).catch(0),
  kind: z.string().nullable().catch(null),
  send: z
    .object({ messageId: z.string().max(64), key: z.string().nullable().catch(null) })
    .nullable()
    .catch(null),
});

type Line = { seq: number } & (
  | { entry: JournalEntry; why: null; send: null }
  /** `send`: of a line about a send, what may be taken for certain: that there was one. */
  | { entry: null; why: string; send: JournaledSend | null }
);

/** Reads a line of the journal. Does not throw. */
export const readLine = (line: string): Line => {
  try {
    const told: unknown = JSON.parse(line);
    const { data, error } = journalEntrySchema.safeParse(told);
    if (data !== undefined) return { seq: data.seq, entry: data, why: null, send: null };
    const { seq, kind, send } = remainsSchema.parse(told);
    const why = problemsAsText(error);
    if (kind !== "send" || send === null) return { seq, entry: null, why, send: null };
    const record = newRecord(send.messageId);
    // One with a key is asked for in the page.
    const remains = send.key === null ? unknownOutcome(record) : { ...record, key: send.key };
    return { seq, entry: null, why, send: remains };
  } catch {
    return { seq: 0, entry: null, why: "no JSON", send: null };
  }
};

/** How much the journal keeps. What is beyond is forgotten, oldest first; unsettled sends always stay. */
export type Retention = { maxAgeMs: number; maxEvents: number; maxEventBytes: number; maxSends: number };

const DAY_MS = 24 * 60 * 60 * 1000;

export const defaultRetention: Retention = {
  maxAgeMs: 7 * DAY_MS,
  maxEvents: 20_000,
  maxEventBytes: 32 * 1024 * 1024,
  maxSends: 20_000,
};
