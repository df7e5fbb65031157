import { isDeepStrictEqual } from "node:util";
import { eventSchema, problemsAsText } from "@whatsapp-engine/contract/api";
import { query, type Row } from "./database.ts";
import type { Engine } from "./engine.ts";

export type StatusEvent = { seq: number; status: string; reason: string | null; at: number };

/** Every status a session went through, in order; `after`: only later ones. */
export function statusEvents({ dataDir }: Engine, sessionId: string, after = 0): StatusEvent[] {
  const rows = query(
    dataDir,
    "select seq, data, at from events where session_id = ? and type = 'session.status' and seq > ? order by seq",
    sessionId,
    after,
  );
  return rows.map(({ seq, data, at }) => {
    const { status, reason } = JSON.parse(String(data)) as { status: string; reason: string | null };
    return { seq: Number(seq), status, reason, at: Number(at) };
  });
}

/** Sequence number of the session's newest event. */
export const lastSeq = ({ dataDir }: Engine, sessionId: string): number =>
  Number(
    query(dataDir, "select coalesce(max(seq), 0) as seq from events where session_id = ?", sessionId)[0]?.[
      "seq"
    ],
  );

const LOOKED_AT = 1_000;

/** An event among the newest that the contract does not describe, or not all of; null: all are as it says, or cannot be read. */
export function oddEvent(dataDir: string): string | null {
  for (const row of newestEvents(dataDir)) {
    const event = {
      ...row,
      at: new Date(Number(row["at"])).toISOString(),
      // What engines before 2026-11-29 did not record is filled in when it is read.
      data: {
        ...(row["type"] === "message.status" && { waitsFor: null }),
        ...JSON.parse(String(row["data"])),
      },
    };
    const { data: described, error } = eventSchema.safeParse(event);
    if (error) return `${JSON.stringify(event)}: ${problemsAsText(error)}`;
    if (!isDeepStrictEqual(described, event)) return `${JSON.stringify(event)} has more than is described`;
  }
  return null;
}

function newestEvents(dataDir: string): Row[] {
  try {
    const sql = `select id, session_id as sessionId, seq, type, data, at from events order by id desc limit ${LOOKED_AT}`;
    return query(dataDir, sql);
  } catch {
    return []; // of a test that takes the database away
  }
}
