import { and, eq, gte, sql } from "drizzle-orm";
import type { Canary, WhatsAppHealth } from "@whatsapp-engine/contract/api";
import { messageDays, sessions, type Db, type SessionRow } from "@whatsapp-engine/db";
import { iso, type Clock } from "../lib/clock.ts";
import type { LiveSessions } from "../connection/index.ts";
import type { PageCopies } from "../builds/index.ts";
import type { Unread } from "./unread.ts";

const DAY_MS = 24 * 60 * 60_000;

type Build = WhatsAppHealth["builds"][number];

/** Tells an operator on the first session, and not on the last, that WhatsApp Web has changed. */
export function createWhatsAppHealth({
  db,
  live,
  copies,
  pinnedForAll,
  canary,
  unread,
  clock,
}: {
  db: Db;
  live: LiveSessions;
  copies: Pick<PageCopies, "list">;
  pinnedForAll: string | null;
  canary: () => Canary;
  unread: Unread["list"];
  clock: Clock;
}) {
  function buildOf(whatsappVersion: string | null, rows: readonly SessionRow[]): Build {
    const states = rows.flatMap(({ id }) => live.get(id)?.state ?? []);
    const mendCounts: Record<string, number> = {};
    for (const [name, times] of states.flatMap((state) => Object.entries(state.mendCounts)))
      mendCounts[name] = (mendCounts[name] ?? 0) + times;
    const troubles: Record<string, number> = {};
    for (const { desired, status, reason } of rows) {
      if (desired !== "running" || status === "connected" || reason === null) continue;
      troubles[reason] = (troubles[reason] ?? 0) + 1;
    }
    return {
      whatsappVersion,
      sessions: rows.length,
      connected: rows.filter(({ status }) => status === "connected").length,
      libraryVersions: unique(states.map(({ libraryVersion }) => libraryVersion)),
      mends: unique(states.flatMap(({ mends }) => mends)),
      mendCounts,
      troubles,
    };
  }

  return (): WhatsAppHealth => {
    const all = db.select().from(sessions).all();
    const byVersion = groupBy(all, "whatsappVersion");
    const byPin = groupBy(all, "whatsappVersionPin");
    const day = Math.floor(clock.now() / DAY_MS) - 1;
    const total = (...statuses: string[]) =>
      sql<number>`coalesce(sum(case when ${messageDays.status} in ${statuses} then ${messageDays.count} end), 0)`;
    const outcomes = db
      .select({
        sent: total("sent", "delivered", "read"),
        failed: total("failed"),
        unknown: total("unknown"),
      })
      .from(sessions)
      // From the few sessions to their days, by the primary key.
      .crossJoin(messageDays)
      .where(and(eq(messageDays.sessionId, sessions.id), gte(messageDays.day, day)))
      .get()!;
    return {
      builds: [...byVersion]
        .map(([version, rows]) => buildOf(version, rows))
        .toSorted((one, other) => other.sessions - one.sessions),
      copies: copies.list().map(({ version, bytes, usedAt }) => ({
        whatsappVersion: version,
        bytes,
        usedAt: iso(usedAt),
      })),
      pinnedForAll,
      pins: [...byPin].flatMap(([whatsappVersion, rows]) =>
        whatsappVersion === null
          ? []
          : [{ whatsappVersion, sessionIds: rows.map(({ id }) => id).toSorted() }],
      ),
      canary: canary(),
      unread: unread(),
      outcomes: { since: iso(day * DAY_MS), ...outcomes },
    };
  };
}

function groupBy(rows: readonly SessionRow[], column: "whatsappVersion" | "whatsappVersionPin") {
  const groups = new Map<string | null, SessionRow[]>();
  for (const row of rows) {
    const group = groups.get(row[column]);
    if (group) group.push(row);
    else groups.set(row[column], [row]);
  }
  return groups;
}

const unique = (values: readonly string[]): string[] => [...new Set(values)].toSorted();
