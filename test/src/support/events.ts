import { query } from "./database.ts";
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
