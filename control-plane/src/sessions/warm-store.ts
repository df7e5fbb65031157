import { and, asc, eq } from "drizzle-orm";
import { warmRunners, type Db } from "@whatsapp-engine/db";

export type WarmRunnerRow = Omit<typeof warmRunners.$inferSelect, "purpose">;
export type WarmStore = ReturnType<typeof createWarmStore>;

/** Thrown where a warm runner that was to be a session's is not in the pool any more; nothing was written. */
export class WarmRunnerTaken extends Error {
  override readonly name = "WarmRunnerTaken";
}

/**
 * Rows of warm runners. A row is written before its runner is started and goes when runner and profile are gone, or with
 * the claim: a profile with a row never was a session's.
 */
export function createWarmStore(db: Db) {
  return {
    /** Those that wait for a session, the oldest first. */
    all: (): WarmRunnerRow[] =>
      db
        .select()
        .from(warmRunners)
        .where(eq(warmRunners.purpose, "session"))
        .orderBy(asc(warmRunners.createdAt))
        .all(),

    /** Those that only look at WhatsApp Web. */
    looks: (): WarmRunnerRow[] => db.select().from(warmRunners).where(eq(warmRunners.purpose, "look")).all(),

    has: (profileId: string): boolean =>
      db.select().from(warmRunners).where(eq(warmRunners.profileId, profileId)).get() !== undefined,

    add: (row: typeof warmRunners.$inferInsert): void => void db.insert(warmRunners).values(row).run(),

    remove: (profileId: string): void =>
      void db.delete(warmRunners).where(eq(warmRunners.profileId, profileId)).run(),
  };
}

/** The number of a warm runner among those of its profile: the first. */
export const WARM_GENERATION = 1;

/** Takes a warm runner out of the pool, within the transaction that gives it to a session. Throws `WarmRunnerTaken`. */
export function takeWarmRunner(
  tx: Pick<Db, "delete">,
  { profileId, runnerId }: Pick<WarmRunnerRow, "profileId" | "runnerId">,
): void {
  const mine = and(eq(warmRunners.profileId, profileId), eq(warmRunners.runnerId, runnerId));
  if (tx.delete(warmRunners).where(mine).run().changes !== 1) throw new WarmRunnerTaken(runnerId);
}
