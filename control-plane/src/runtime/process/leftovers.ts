import { findOnProfiles, identify } from "@whatsapp-engine/processes";
import type { Log } from "../../lib/logger.ts";
import { groupEnded, signalGroup } from "./group.ts";
import type { ProfileFolders } from "./profile-folders.ts";

/** What a runner gets to close its browser by itself, once the control plane that started it is gone. */
const GRACE_MS = 10_000;
const KILL_TIMEOUT_MS = 5_000;

/**
 * Waits for runners of an earlier control plane, one that was killed, to end, and ends those that do not, and whatever
 * else is on a profile: two browsers on one would spoil its login. What cannot be ended is told by the start that it forbids.
 */
export const endLeftovers = async (
  folders: ProfileFolders,
  clear: (profileId: string) => Promise<void>,
  log: Log,
): Promise<void> => {
  const profileIds = await folders.list();
  await Promise.all(
    profileIds.map(async (profileId) => {
      const owner = await folders.readOwner(profileId);
      const pid = Number.parseInt(owner ?? "", 10);
      if (!(pid > 1) || identify(pid) !== owner) return;
      log.info({ profileId, pid }, "Waiting for a runner of an earlier start to end");
      if (await groupEnded(pid, GRACE_MS)) return;
      signalGroup(pid, "SIGKILL");
      await groupEnded(pid, KILL_TIMEOUT_MS);
    }),
  );
  // One look for all of them: at most of the starts there is nothing.
  const found = await findOnProfiles(await Promise.all(profileIds.map(folders.place)));
  const used = profileIds.filter((_, index) => found[index]!.pids.length > 0);
  await Promise.all(
    used.map((profileId) =>
      clear(profileId).catch((err: unknown) => log.warn({ profileId, err }, "A profile is in use")),
    ),
  );
};
