import type { ProfileStore } from "./profile-store.ts";
import type { RunnerHost } from "./runner-host.ts";

/** One kind of place that sessions live in. */
export type Runtime = {
  host: RunnerHost;
  profiles: ProfileStore;
};
