import { and, desc, eq, lt } from "drizzle-orm";
import { passStep } from "@whatsapp-engine/contract/steps";
import { events, whatsappBuilds, type Db, type WhatsAppBuildRow } from "@whatsapp-engine/db";
import type { Clock } from "../lib/clock.ts";
import type { AppendEvent } from "../events/index.ts";
import { compareVersions } from "./versions.ts";

export type { WhatsAppBuildRow };
export type BuildStore = ReturnType<typeof createBuildStore>;

/** How long a build that failed is left alone, and one whose session could not go on. */
const RETRY_MS = 24 * 60 * 60_000;
const PAUSE_MS = 10 * 60_000;

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
  /** The newest event of the session before that moment, which is not long ago. */
  const newestSeq = (sessionId: string, before: number) =>
    db
      .select({ seq: events.seq })
      .from(events)
      .where(and(eq(events.sessionId, sessionId), lt(events.at, before)))
      .orderBy(desc(events.seq))
      .limit(1)
      .get()?.seq ?? 0;

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
      const { changes } = db
        .insert(whatsappBuilds)
        .values({ version, state: "found", foundAt: clock.now() })
        .onConflictDoNothing()
        .run();
      if (changes > 0) passStep("canary.found", { version });
    },

    /** One session tries it from now on. */
    begin(version: string, sessionId: string): void {
      const trial = { sessionId, triedAt: clock.now(), readyAt: null, readyAfterSeq: null, troubles: [] };
      set(version, { ...trial, state: "trying", retryAt: null, why: null });
      passStep("canary.begun", { version });
    },

    /** The session that tries it is connected on it since `at`. */
    ready(version: string, sessionId: string, at: number): void {
      set(version, { readyAt: at, readyAfterSeq: newestSeq(sessionId, at) });
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
        const rejectedAt = clock.now();
        set(version, { state: "rejected", rejectedAt, retryAt: rejectedAt + RETRY_MS, why });
        appendEvent(sessionId, "whatsapp.build_rejected", { whatsappVersion: version, why, returnsTo });
      });
      passStep("canary.rejected", { version });
    },

    /** The session that tried it can do so no more, which tells nothing of it; another may after a while. */
    abandon: (version: string, why: string): void =>
      set(version, { state: "found", retryAt: clock.now() + PAUSE_MS, why }),

    /** WhatsApp does not let it in any more, nor any that is older. */
    refuse(version: string, why: string): void {
      db.transaction(() => {
        for (const build of db.select().from(whatsappBuilds).all())
          if (compareVersions(build.version, version) <= 0)
            set(build.version, { state: "refused", retryAt: null, why });
      });
      passStep("canary.refused", { version });
    },
  };
}
