import { and, eq, sql } from "drizzle-orm";
import { passStep } from "@whatsapp-engine/contract";
import { events, whatsappBuilds, type Db, type WhatsAppBuildRow } from "@whatsapp-engine/db";
import type { Clock } from "../clock.ts";
import type { AppendEvent } from "../events/store.ts";
import { compareVersions } from "./versions.ts";

export type { WhatsAppBuildRow };
export type BuildStore = ReturnType<typeof createBuildStore>;

/** How long a build that failed is left alone. */
const RETRY_MS = 24 * 60 * 60_000;

/** Rows of builds. What is written here is what holds; sessions follow it, also after a kill between the two. */
export function createBuildStore({
  db,
  clock,
  appendEvent,
}: {
  db: Db;
  clock: Clock;
  appendEvent: AppendEvent;
}) {
  const set = (version: string, change: Partial<WhatsAppBuildRow>): void =>
    void db.update(whatsappBuilds).set(change).where(eq(whatsappBuilds.version, version)).run();
  const newestEvent = () =>
    db
      .select({ id: sql<number>`coalesce(max(id), 0)` })
      .from(events)
      .get()!.id;
  const newestSeq = (sessionId: string) =>
    db
      .select({ seq: sql<number>`coalesce(max(seq), 0)` })
      .from(events)
      .where(eq(events.sessionId, sessionId))
      .get()!.seq;

  return {
    /** The newest version first. */
    all: (): WhatsAppBuildRow[] =>
      db
        .select()
        .from(whatsappBuilds)
        .all()
        .toSorted((one, other) => compareVersions(other.version, one.version)),

    /** A copy of it is kept. */
    found(version: string): void {
      db.insert(whatsappBuilds)
        .values({ version, state: "found", foundAt: clock.now(), foundAfterEvent: newestEvent() })
        .onConflictDoNothing()
        .run();
    },

    /** One session tries it from now on. */
    begin(version: string, sessionId: string): void {
      const trial = { sessionId, triedAt: clock.now(), readyAt: null, readyAfterSeq: null, troubles: [] };
      set(version, { ...trial, state: "trying", retryAt: null, why: null });
      passStep("canary.begun", { version });
    },

    /** The session that tries it is connected on it. */
    ready(version: string, sessionId: string): void {
      set(version, { readyAt: clock.now(), readyAfterSeq: newestSeq(sessionId) });
      passStep("canary.ready", { version });
    },

    /** Within a transaction: the page did not take this message. */
    note: (version: string, troubles: NonNullable<WhatsAppBuildRow["troubles"]>): void =>
      set(version, { troubles }),

    prove(version: string, { cautious, why }: { cautious: boolean; why: string }): void {
      set(version, { state: "proven", provenAt: clock.now(), cautious, why });
      passStep("canary.proven", { version });
    },

    /** It failed on the session that tries it, which is told so. */
    reject(
      version: string,
      sessionId: string,
      { why, returnsTo }: { why: string; returnsTo: string | null },
    ): void {
      db.transaction(() => {
        set(version, { state: "rejected", retryAt: clock.now() + RETRY_MS, why });
        appendEvent(sessionId, "whatsapp.build_rejected", { whatsappVersion: version, why, returnsTo });
      });
      passStep("canary.rejected", { version });
    },

    /** The session that tried it can do so no more, which tells nothing of it. */
    abandon: (version: string, why: string): void =>
      void db
        .update(whatsappBuilds)
        .set({ state: "found", why })
        .where(and(eq(whatsappBuilds.version, version), eq(whatsappBuilds.state, "trying")))
        .run(),

    /** WhatsApp does not let it in any more. */
    refuse: (version: string, why: string): void => set(version, { state: "refused", retryAt: null, why }),
  };
}
