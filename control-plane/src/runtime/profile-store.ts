import type { Readable } from "node:stream";
import type { ProfileContents } from "./profile-contents.ts";

/**
 * Where profiles, and with them logins, are kept. Implementations never guess: where the truth cannot be had they throw
 * `runtime_unavailable` (an `AppError`), they never answer that there is none. A runner's host makes a profile with its first runner.
 */
export type ProfileStore = {
  /** Ids of every profile of this installation. Throws `runtime_unavailable`. */
  list(): Promise<string[]>;

  /** What a profile of this installation says of itself, read without running anything; undefined: there is none of this id. Throws `runtime_unavailable`. */
  inspect(profileId: string): Promise<ProfileContents | undefined>;

  /**
   * A tar of what a profile holds, with names that begin in its folder, for as long as it is read. No runner may be using
   * it. Fails with `runtime_unavailable`.
   */
  read(profileId: string): Readable;

  /**
   * Makes a profile of such a tar, whose files belong to `RUNNER_UID`; it may come from the other kind of runtime. Throws what `tar` fails by, or
   * `runtime_unavailable`; then something of the profile may be there.
   */
  write(profileId: string, tar: Readable): Promise<void>;

  /** Deletes a profile with the login in it; one that is gone is none to delete. No runner may be using it. */
  remove(profileId: string): Promise<void>;
};
