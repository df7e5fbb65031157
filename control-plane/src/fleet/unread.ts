import { and, eq, lt, sql } from "drizzle-orm";
import { cut } from "@whatsapp-engine/contract/runner";
import { profiles, unreadLines, withoutSync, type Db } from "@whatsapp-engine/db";
import { iso, type Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import type { LiveSessions } from "../connection/index.ts";

/** Longest part of a line that is kept, in UTF-16 units, and lines that are kept of one session: the first say most. */
const MAX_KEPT_LENGTH = 65_536;
const MAX_KEPT_LINES = 100;
const LOG_EVERY_MS = 60_000;
/** How long a session's `detail` says that there is something. */
const RECENT_MS = 24 * 60 * 60_000;

/** For people, in a session's `detail`. */
export const UNREAD =
  "Something that the session's runner, or WhatsApp Web in it, told could not be read and is kept aside; GET /health/whatsapp counts it, and the rest goes on.";

export type Unread = ReturnType<typeof createUnread>;

/** What runners told and nobody could read: kept aside in `unread_lines`, counted, and passed over. */
export function createUnread(deps: {
  db: Db;
  live: Pick<LiveSessions, "get">;
  clock: Clock;
  log: Pick<Log, "warn">;
}) {
  const { db, live, clock, log } = deps;
  const loggedAt = new Map<string, number>();

  const toldByRunner = (sessionId: string) => {
    const state = live.get(sessionId)?.state;
    return state && state.unreadLines > 0 ? { lines: state.unreadLines, at: state.unreadAt } : null;
  };

  return {
    /**
     * Keeps a line, or only counts it where enough are kept. One with a number in the journal is passed over from then on, and
     * counted once.
     */
    keep(line: {
      sessionId: string;
      profileId: string;
      seq: number | null;
      why: string;
      text: string;
    }): void {
      const { sessionId, profileId, seq, why, text } = line;
      const at = clock.now();
      withoutSync(db, () =>
        db.transaction((tx) => {
          const counted = tx
            .update(profiles)
            .set({
              unreadLines: sql`${profiles.unreadLines} + 1`,
              unreadAt: at,
              ...(seq !== null && { cursor: seq }),
            })
            .where(and(eq(profiles.id, profileId), seq === null ? undefined : lt(profiles.cursor, seq)))
            .returning({ count: profiles.unreadLines })
            .get();
          if (counted === undefined || counted.count > MAX_KEPT_LINES) return;
          tx.insert(unreadLines)
            .values({ sessionId, seq, why, line: cut(text, MAX_KEPT_LENGTH), at })
            .run();
        }),
      );
      if (at - (loggedAt.get(sessionId) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) return;
      loggedAt.set(sessionId, at);
      log.warn({ sessionId, seq, why }, "a line of a runner could not be read; it is kept in unread_lines");
    },

    /** Removes what is older than events are kept (0: nothing ever), since it may hold what people wrote; returns how much. */
    removeOld(keepMs: number): number {
      if (keepMs === 0) return 0;
      return db
        .delete(unreadLines)
        .where(lt(unreadLines.at, clock.now() - keepMs))
        .run().changes;
    },

    /** Whether something could not be read of late. */
    isRecent(sessionId: string): boolean {
      const own = db
        .select({ at: profiles.unreadAt })
        .from(profiles)
        .where(eq(profiles.sessionId, sessionId))
        .get();
      const since = clock.now() - RECENT_MS;
      const runners = toldByRunner(sessionId)?.at ?? null;
      return (own?.at ?? 0) > since || (runners !== null && Date.parse(runners) > since);
    },

    /** Sessions of which something could not be read. */
    list() {
      const counts = new Map(
        db
          .select({
            sessionId: profiles.sessionId,
            lines: profiles.unreadLines,
            at: profiles.unreadAt,
          })
          .from(profiles)
          .all()
          .map(({ sessionId, ...own }) => [sessionId, own]),
      );
      return [...counts].flatMap(([sessionId, { lines, at }]) => {
        const runner = toldByRunner(sessionId);
        if (lines === 0 && runner === null) return [];
        const times = [at === null ? null : iso(at), runner?.at ?? null].filter((time) => time !== null);
        return [
          {
            sessionId,
            byEngine: lines,
            byRunner: runner?.lines ?? 0,
            lastAt: times.toSorted().at(-1) ?? null,
          },
        ];
      });
    },
  };
}
