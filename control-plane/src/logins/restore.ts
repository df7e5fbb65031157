import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { AppError, type Session } from "@whatsapp-engine/contract/api";
import { passStep } from "@whatsapp-engine/contract/steps";
import { openAge } from "./age.ts";
import { checkBackup, profileOf, type Manifest } from "./archive.ts";
import type { Spooled } from "./spool.ts";
import type { UnusedProfiles } from "./unused-profiles.ts";
import type { Log } from "../lib/logger.ts";
import type { ProfileStore } from "../runtime/index.ts";
import { compareAccounts } from "../people/index.ts";
import type { Admission, Reconciler, RunnersOf } from "../fleet/index.ts";
import type { Locks } from "../lib/locks.ts";
import type { SessionRow, SessionService, SessionStore } from "../sessions/index.ts";

type Content = { manifest: Manifest; lastSeq: number };

/** Gives a session the login that is in a backup. */
export function createRestore(deps: {
  store: SessionStore;
  locks: Locks;
  reconciler: Reconciler;
  profiles: ProfileStore;
  runnersOf: RunnersOf;
  admission: Admission;
  unused: UnusedProfiles;
  sessions: Pick<SessionService, "started" | "shown">;
  log: Log;
}) {
  const { store, reconciler, profiles, unused, log } = deps;

  /** The new profile is whole before the session gets it, in one transaction; a crash leaves the one or the other. Starts it. */
  async function replaceProfile(sessionId: string, read: () => Readable, content: Content) {
    const profileId = randomUUID();
    await unused.note(profileId);
    try {
      await profiles.write(profileId, profileOf(read()));
      passStep("restore.imported", {});
      // Somebody may have scanned its code meanwhile.
      refuseUnfit(store.find(sessionId), content.manifest);
      const old = store.profileOf(sessionId);
      if (old) {
        await endRunner(sessionId, old.id);
        await unused.note(old.id);
      }
      const restored = store.restore(sessionId, {
        profileId,
        cursor: cursorFor(old, content),
        phoneNumber: content.manifest.phoneNumber,
      });
      passStep("restore.switched", {});
      // At once: a setting may be changed while the old profile is removed.
      const row = deps.sessions.started(restored);
      if (old) await settle(old.id);
      return row;
    } finally {
      await settle(profileId);
    }
  }

  /** What cannot be removed now is removed at the next start. */
  const settle = (profileId: string) =>
    unused
      .settle(profileId)
      .catch((err: unknown) => log.warn({ profileId, err }, "an unused profile could not be removed yet"));

  async function endRunner(sessionId: string, profileId: string): Promise<void> {
    const row = store.find(sessionId);
    if (row?.desired === "running")
      store.transition(row, {
        status: "disconnected",
        reason: "stopped",
        desired: "stopped",
        runnerId: null,
      });
    await deps.runnersOf.end(sessionId, profileId);
  }

  /**
   * Into a session that does not run or shows a code, or one that is made for it; then it is started. Throws
   * `wrong_passphrase`, `invalid_backup`, `session_running`, `session_conflict`, `capacity_exceeded`,
   * `runtime_unavailable`; the login of before is then as it was.
   */
  return async (
    sessionId: string,
    file: Spooled,
    passphrase: string,
  ): Promise<{ created: boolean; session: Session }> => {
    refuseRunning(store.find(sessionId));
    await reconciler.reachable();
    const read = openAge(file, passphrase);
    const content = await checkBackup(read());
    return deps.locks.run(sessionId, async () => {
      // A deletion that was interrupted is finished first.
      if (store.find(sessionId)?.desired === "deleted") await reconciler.reconcile(sessionId);
      const found = store.find(sessionId);
      refuseUnfit(found, content.manifest);
      if (found?.desired !== "running") deps.admission.check();
      try {
        const row = await replaceProfile(sessionId, read, content);
        const { createdAt } = content.manifest;
        log.info({ sessionId, createdAt }, "session restored from a backup");
        return { created: found === undefined, session: deps.sessions.shown(row) };
      } finally {
        reconciler.request(sessionId);
      }
    });
  };
}

/**
 * Up to where the restored journal was told. Into the profile that the backup is from: as far as that was told since, or
 * else what the journal says next would count as told. Otherwise as far as it was told when the backup was made: what
 * was still untold then is told now.
 */
const cursorFor = (old: { id: string; cursor: number } | undefined, { manifest, lastSeq }: Content): number =>
  Math.min(old?.id === manifest.profileId ? old.cursor : manifest.cursor, lastSeq);

function refuseUnfit(row: SessionRow | undefined, manifest: Manifest): void {
  refuseRunning(row);
  const expected = row?.expectedPhoneNumber ?? row?.linkedPhoneNumber ?? null;
  if (expected === null || compareAccounts(expected, manifest.phoneNumber) !== "different") return;
  throw new AppError(
    "session_conflict",
    `The backup is of another account than session '${row!.id}' is for; delete the session first, or restore into another id.`,
  );
}

/** Two browsers with one login end each other's connection, and a login in use is not thrown away by mistake. */
function refuseRunning(row: SessionRow | undefined): void {
  if (row?.desired !== "running" || row.status === "qr_ready") return;
  throw new AppError(
    "session_running",
    `Session '${row.id}' runs; stop it first with POST /sessions/${row.id}/stop.`,
    { extra: { status: row.status, reason: row.reason } },
  );
}
