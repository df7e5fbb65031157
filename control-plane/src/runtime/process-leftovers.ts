import type { Log } from "../logger.ts";
import { groupEnded, identify, signalGroup } from "./process-group.ts";
import type { ProfileStore } from "./process-profile.ts";

/** What a runner gets to close its browser by itself, once the control plane that started it is gone. */
const GRACE_MS = 10_000;
const KILL_TIMEOUT_MS = 5_000;

/**
 * Waits for runners of an earlier control plane, one that was killed, to end, and ends those that do not:
 * two browsers on one profile would spoil its login.
 */
export const endLeftovers = async (profiles: ProfileStore, log: Log): Promise<void> => {
  const profileIds = await profiles.list();
  await Promise.all(
    profileIds.map(async (profileId) => {
      const owner = await profiles.readOwner(profileId);
      const pid = Number.parseInt(owner ?? "", 10);
      if (!(pid > 1) || (await identify(pid)) !== owner) return;
      log.info({ profileId, pid }, "Waiting for a runner of an earlier start to end");
      if (await groupEnded(pid, GRACE_MS)) return;
      signalGroup(pid, "SIGKILL");
      await groupEnded(pid, KILL_TIMEOUT_MS);
    }),
  );
};
