import { mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../lib/logger.ts";
import type { ProfileStore } from "../runtime/index.ts";

/**
 * Notes of profiles that are to go unless a session has them: a profile is removed on what was written down before,
 * never on the guess that nobody needs it. A note is a file `<data folder>/unused-profiles/<profile id>`.
 */
export type UnusedProfiles = {
  /** Resolves when the note is on the disk. */
  note(profileId: string): Promise<void>;
  /** Removes the profile, unless a session has it, and then the note. */
  settle(profileId: string): Promise<void>;
  /** For notes of an earlier start; those that cannot be settled now stay. */
  settleAll(): Promise<void>;
};

export function createUnusedProfiles(deps: {
  dataDir: string;
  profiles: ProfileStore;
  /** Profiles that sessions have. */
  profileIds: () => ReadonlySet<string>;
  log: Log;
}): UnusedProfiles {
  const { profiles, log } = deps;
  const dir = join(deps.dataDir, "unused-profiles");

  async function settle(profileId: string): Promise<void> {
    if (!deps.profileIds().has(profileId)) {
      await profiles.remove(profileId);
      log.info({ profileId }, "a profile that no session has was removed");
    }
    await rm(join(dir, profileId), { force: true });
  }

  return {
    async note(profileId) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      await (await open(join(dir, profileId), "w", 0o600)).close();
      const folder = await open(dir, "r");
      await folder.sync().finally(() => folder.close());
    },
    settle,
    async settleAll() {
      const profileIds = await readdir(dir).catch((error: NodeJS.ErrnoException): string[] => {
        if (error.code === "ENOENT") return [];
        throw error;
      });
      for (const profileId of profileIds) {
        await settle(profileId).catch((err: unknown) =>
          log.warn({ profileId, err }, "a profile that no session has could not be removed"),
        );
      }
    },
  };
}
