import { AppError } from "@whatsapp-engine/contract/api";
import { encrypt } from "./age.ts";
import { packBackup, type Manifest } from "./archive.ts";
import { spool, type Spooled } from "./spool.ts";
import { iso, type Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import type { ProfileStore } from "../runtime/index.ts";
import type { LiveSessions } from "../connection/index.ts";
import type { Reconciler, RunnersOf } from "../fleet/index.ts";
import type { SessionRow, SessionService, SessionStore } from "../sessions/index.ts";

const COPYING = "Its login is being copied into a backup.";

export type Backup = { file: Spooled; filename: string };

/** Takes a session's login, and its journal, into one encrypted file. */
export function createBackup(deps: {
  store: SessionStore;
  live: LiveSessions;
  reconciler: Reconciler;
  profiles: ProfileStore;
  runnersOf: RunnersOf;
  sessions: Pick<SessionService, "exclusively">;
  /** Where the file grows; encrypted, and without a name. */
  dataDir: string;
  maxBytes: number;
  clock: Clock;
  log: Log;
}) {
  const { store, live, reconciler, profiles, runnersOf, maxBytes, clock, log } = deps;

  /** The runner that there is ends in order; the next pass starts another where one is wanted. */
  async function pause(row: SessionRow, profileId: string): Promise<void> {
    if (row.desired === "running" && row.runnerId !== null) {
      store.transition(row, {
        status: "connecting",
        reason: "starting",
        detail: COPYING,
        waitsFor: "copy",
        runnerId: null,
      });
      live.notify(row.id);
    }
    await runnersOf.end(row.id, profileId);
  }

  function goOn(sessionId: string): void {
    const row = store.find(sessionId);
    if (row?.waitsFor === "copy") store.transition(row, { status: row.status, reason: row.reason });
    reconciler.request(sessionId);
  }

  async function copy(manifest: Manifest, passphrase: string): Promise<Backup> {
    const { tar, linked } = packBackup(profiles.read(manifest.profileId), manifest);
    const tooLarge = () =>
      new AppError(
        "backup_too_large",
        `The backup is larger than BACKUP_MAX_MB (${Math.floor(maxBytes / 1024 / 1024)}) allows; raise it.`,
      );
    const file = await spool(encrypt(tar, passphrase), { dir: deps.dataDir, maxBytes, tooLarge });
    if (linked()) return { file, filename: filenameOf(manifest) };
    await file.close();
    throw notLinked(manifest.sessionId);
  }

  /**
   * Throws `session_not_found`, `session_not_linked`, `backup_too_large`, `runtime_unavailable`. The caller closes the file.
   * The session's browser is closed for it, since a login in use cannot be copied whole, and started again.
   */
  return (sessionId: string, passphrase: string): Promise<Backup> =>
    deps.sessions.exclusively(sessionId, async (row) => {
      const profile = store.profileOf(sessionId);
      const isThere = profile !== undefined && (await profiles.list()).includes(profile.id);
      if (row.status === "qr_ready" || !isThere) throw notLinked(sessionId);
      const startedAt = clock.now();
      try {
        await pause(store.find(sessionId) ?? row, profile.id);
        const backup = await copy(
          {
            format: "whatsapp-engine-backup",
            version: 1,
            sessionId,
            profileId: profile.id,
            cursor: store.profileOf(sessionId)?.cursor ?? profile.cursor,
            phoneNumber: row.linkedPhoneNumber,
            whatsappVersion: row.whatsappVersion,
            createdAt: iso(startedAt),
          },
          passphrase,
        );
        log.info(
          { sessionId, bytes: backup.file.bytes, durationMs: clock.now() - startedAt },
          "session backed up",
        );
        return backup;
      } finally {
        goOn(sessionId);
      }
    });
}

const notLinked = (sessionId: string) =>
  new AppError(
    "session_not_linked",
    `Session '${sessionId}' has no login to back up; link it first (GET /sessions/${sessionId}/qr).`,
  );

/** Such as `session-123-20261123T034500Z.age`. */
const filenameOf = ({ sessionId, createdAt }: Manifest) =>
  `${sessionId}-${createdAt.replace(/[-:]|\.\d+/g, "")}.age`;
