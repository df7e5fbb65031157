import { readFileSync } from "node:fs";
import { query } from "../support/database.ts";
import { heldByControlPlane, type Held } from "../support/held.ts";
import type { Stage } from "../support/stage.ts";

const MIB = 1024 * 1024;
/** Seen over 15,000 requests: 2 MiB of heap, and 46 MiB of all memory, which goes down as often. */
const HEAP_ALLOWED = 8 * MIB;
const RSS_ALLOWED = 64 * MIB;

export type Memory = Held & { rssBytes: number };

/** Once all garbage is collected. */
export async function memoryOf({ engine }: Stage): Promise<Memory> {
  const held = await heldByControlPlane(engine);
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${engine.pid}/status`, "utf8"))?.[1];
  return { ...held, rssBytes: Number(kib) * 1024 };
}

/** What grew from the first look to the second by more than it may, each in a sentence. */
export function grown([before, after]: readonly Memory[]): string[] {
  const over = (what: string, from: number, to: number, most: number) =>
    to - from > most ? [`the engine's ${what} grew from ${from} to ${to}`] : [];
  return [
    ...over("heap", before!.heapBytes, after!.heapBytes, HEAP_ALLOWED),
    ...over("memory", before!.rssBytes, after!.rssBytes, RSS_ALLOWED),
  ];
}

/** Messages that have nothing to wait for but their turn. */
export const waiting = ({ engine }: Stage, sessionId: string): number =>
  Number(
    query(
      engine.dataDir,
      "select count(*) as n from messages where session_id = ? and status in ('queued', 'sending') and scheduled_at is null and bulk_id is null",
      sessionId,
    )[0]?.["n"],
  );

/** Accepted messages without a row, and what WhatsApp took and the engine does not say, or the other way round. */
export async function lostOf(
  { engine, simulator }: Stage,
  sessions: readonly { id: string; account: string }[],
  accepted: ReadonlySet<string>,
): Promise<string[]> {
  const rows = query(engine.dataDir, "select id, session_id, status, whatsapp_id from messages");
  const there = new Set(rows.map(({ id }) => id));
  const lost = [...accepted]
    .filter((id) => !there.has(id))
    .map((id) => `message ${id} was accepted, and has no row`);
  const wrong = await Promise.all(
    sessions.map(async ({ id, account }) => {
      const taken = (await simulator.control.sent(account)).map((one) => one.id);
      const said = rows.filter(
        (row) => row["session_id"] === id && /sent|delivered|read/.test(String(row["status"])),
      );
      const ids = new Set(said.map((row) => row["whatsapp_id"]));
      return [
        ...(taken.length === new Set(taken).size ? [] : [`${id}: WhatsApp took a message twice`]),
        ...taken
          .filter((one) => !ids.has(one))
          .map((one) => `${id}: WhatsApp took ${one}, and no row says so`),
        ...(said.length > taken.length
          ? [`${id}: ${said.length} were sent, and WhatsApp took ${taken.length}`]
          : []),
      ];
    }),
  );
  return [...lost, ...wrong.flat()];
}
