import { problemsAsText } from "@whatsapp-engine/contract/api";
import {
  MAX_LINE_BYTES,
  parseWellFormed,
  streamLineSchema,
  type StreamLine,
} from "@whatsapp-engine/contract/runner";
import { z } from "zod";
import { linesOf } from "../lib/ndjson.ts";

/*
 * A runner's stream as it is taken: a runner may be of another build than the engine, and the page in it may have been taken over.
 */

/** A line that could not be read. `seq`: its number in the journal, where that is told. `text`: the line, or its beginning. */
export type UnreadableLine = { line: "unreadable"; seq: number | null; why: string; text: string };

/** The runner tells so much that nobody can follow it. */
export class RunnerFlooded extends Error {
  override readonly name = "RunnerFlooded";
}

/**
 * How much a runner may tell at once, and for good each second. At once: what a journal holds after a long absence (32 MiB, 20,000
 * events, and as much again until it is written anew); for good: many times what an account does.
 */
export type StreamLimits = {
  bytes: { atOnce: number; perSecond: number };
  lines: { atOnce: number; perSecond: number };
};
export const streamLimits: StreamLimits = {
  bytes: { atOnce: 96 * 1024 * 1024, perSecond: 2 * 1024 * 1024 },
  lines: { atOnce: 100_000, perSecond: 1_000 },
};

export type FloodGuard = ReturnType<typeof createFloodGuard>;

/** A bucket that runs full, for bytes and for lines. `nowMs`: of a clock that is never set. */
export function createFloodGuard(limits: StreamLimits, nowMs: () => number) {
  const buckets = Object.entries(limits).map(([unit, { atOnce, perSecond }]) => ({
    unit,
    atOnce,
    perSecond,
    level: 0,
  }));
  let at = nowMs();
  return {
    /** Throws `RunnerFlooded`. */
    note(told: Record<keyof StreamLimits, number>): void {
      const now = nowMs();
      const seconds = (now - at) / 1_000;
      at = now;
      for (const bucket of buckets) {
        const { unit, atOnce, perSecond } = bucket;
        bucket.level = Math.max(0, bucket.level - seconds * perSecond) + told[unit as keyof StreamLimits];
        if (bucket.level > atOnce)
          throw new RunnerFlooded(
            `The runner told more than ${atOnce} ${unit} at once and ${perSecond} a second after that; it is replaced.`,
          );
      }
    },
  };
}

const eventHeadSchema = z.object({ line: z.literal("event"), seq: z.int().min(0) });
/** How a runner begins the line of an event, for one that is no JSON or too long. */
const EVENT_HEAD = /^\{"line":"event","seq":(\d{1,15}),/;

const unreadable = (text: string, why: string, seq: number | null): UnreadableLine => ({
  line: "unreadable",
  seq,
  why,
  text,
});

function readLine(text: string, isWhole: boolean): StreamLine | UnreadableLine {
  const seq = () => {
    const digits = EVENT_HEAD.exec(text.slice(0, 100))?.[1];
    return digits === undefined ? null : Number(digits);
  };
  if (!isWhole) return unreadable(text, `longer than ${MAX_LINE_BYTES} bytes`, seq());
  let told: unknown;
  try {
    told = parseWellFormed(text);
  } catch {
    return unreadable(text, "no JSON", seq());
  }
  const { data, error } = streamLineSchema.safeParse(told);
  return data ?? unreadable(text, problemsAsText(error!), eventHeadSchema.safeParse(told).data?.seq ?? null);
}

async function* counted(chunks: AsyncIterable<Buffer>, guard: FloodGuard): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    guard.note({ bytes: chunk.length, lines: 0 });
    yield chunk;
  }
}

/** What a runner's stream says, line by line. Throws `RunnerFlooded`, and what `chunks` throws. */
export async function* readStream(
  chunks: AsyncIterable<Buffer>,
  guard: FloodGuard,
): AsyncGenerator<StreamLine | UnreadableLine> {
  for await (const { text, isWhole } of linesOf(counted(chunks, guard), MAX_LINE_BYTES)) {
    guard.note({ bytes: 0, lines: 1 });
    if (text !== "") yield readLine(text, isWhole);
  }
}
