import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import type { ProfileContents, ProfileStore, RunnerInfo } from "../runtime/index.ts";
import type { Locks } from "../lib/locks.ts";
import type { SessionRow, SessionStore } from "../sessions/index.ts";

export type Recovery = ReturnType<typeof createRecovery>;
export type KeptProfile = { profileId: string; why: string };

type Claimed = {
  profileId: string;
  contents: ProfileContents & { claim: { sessionId: string; claimedAt: string } };
};

/** How long a profile must have been nobody's: whatever was about to use it has done so by then. */
const UNUSED_MS = 60 * 60_000;

/** Each takes a container of its own for a moment. */
const READ_AT_ONCE = 4;

const UNREAD = "What is in it could not be read; it is tried again.";

/**
 * Finds sessions again that the database does not know (it was lost, or an older copy was put back) by what stands in
 * their profiles. Nothing is deleted here: a profile that cannot be given to a session is kept, and said why.
 */
export function createRecovery(deps: {
  store: SessionStore;
  profiles: ProfileStore;
  locks: Locks;
  listRunners: () => Promise<readonly RunnerInfo[]>;
  clock: Clock;
  log: Log;
}) {
  const { store, profiles, locks, listRunners, clock, log } = deps;
  /** Why a profile is kept that no session has. Looked at once, as a session that is deleted must not come back by it. */
  const kept = new Map<string, string>();
  /** Profiles that were never anybody's, and since when this is known. */
  const unused = new Map<string, number>();

  /** Profiles that neither the database of before the list nor that of after it knows, so that none is on its way. */
  async function unknownProfiles(): Promise<string[]> {
    const before = store.profileIds();
    const all = await profiles.list();
    const after = store.profileIds();
    const unknown = all.filter((id) => !before.has(id) && !after.has(id));
    for (const known of [kept, unused])
      for (const id of known.keys()) if (!unknown.includes(id)) known.delete(id);
    return unknown;
  }

  function keep(profileId: string, why: string): void {
    if (kept.get(profileId) === why) return;
    kept.set(profileId, why);
    log.warn({ profileId, why }, "a profile of no session is kept");
  }

  /** Undefined: it has no claim to a session, and was dealt with. */
  async function look(profileId: string): Promise<Claimed | undefined> {
    try {
      const contents = await profiles.inspect(profileId);
      if (contents === undefined) return undefined;
      const { claim, linked } = contents;
      kept.delete(profileId);
      if (claim === "unreadable") keep(profileId, "Its note of the session it serves cannot be read.");
      else if (claim !== null) return { profileId, contents: { ...contents, claim } };
      else if (linked) keep(profileId, "It has a login, and no note of the session it serves.");
      else if (!unused.has(profileId)) unused.set(profileId, clock.now());
    } catch (err) {
      log.warn({ profileId, err }, "a profile of no session could not be read");
      keep(profileId, UNREAD);
    }
    return undefined;
  }

  /** Whether the session is known by now; it may have been found by another profile, or by a call for this one. */
  function isTaken({ profileId, contents }: Claimed): boolean {
    const { sessionId } = contents.claim;
    if (!store.find(sessionId)) return false;
    if (store.profileOf(sessionId)?.id !== profileId)
      keep(profileId, `It says that it serves session '${sessionId}', which has another profile.`);
    return true;
  }

  /** The caller holds the session's lock. */
  async function record(found: Claimed): Promise<void> {
    if (isTaken(found)) return;
    const { profileId, contents } = found;
    const { sessionId, claimedAt } = contents.claim;
    // A deletion that ended meanwhile left no session, and no profile either.
    if (!(await profiles.list()).includes(profileId)) return;
    const runners = await runnersOf(profileId);
    const desired = contents.hasRunner || runners.length > 0 ? "running" : "stopped";
    const present = newestAlive(runners);
    store.recover({
      sessionId,
      profileId,
      generation: contents.generation,
      createdAt: Date.parse(claimedAt),
      desired,
      runnerIds: runners.map(({ runnerId }) => runnerId),
      runnerId: present?.runnerId ?? null,
    });
    log.warn(
      { sessionId, profileId, desired, runnerId: present?.runnerId },
      "a session that the database did not know was found by its profile",
    );
  }

  const runnersOf = async (profileId: string) =>
    (await listRunners()).filter((runner) => runner.profileId === profileId);

  return {
    /**
     * Looks at the profiles that no session has, and records the sessions that are found so. Returns which profiles'
     * runners nobody wants: not those of profiles that could not be read. Throws `runtime_unavailable`.
     */
    async run(): Promise<{ isUnwanted: (profileId: string) => boolean }> {
      const unknown = await unknownProfiles();
      const claimed: Claimed[] = [];
      const unread = unknown.filter((id) => !kept.has(id) || kept.get(id) === UNREAD);
      for (let at = 0; at < unread.length; at += READ_AT_ONCE) {
        const found = await Promise.all(unread.slice(at, at + READ_AT_ONCE).map(look));
        claimed.push(...found.filter((one) => one !== undefined));
      }
      // The one that was claimed last is the session's; the others are kept.
      for (const found of claimed.toSorted(newestClaimFirst))
        if (!isTaken(found)) await locks.run(found.contents.claim.sessionId, () => record(found));
      const known = store.profileIds();
      return { isUnwanted: (profileId) => !known.has(profileId) && kept.get(profileId) !== UNREAD };
    },

    /**
     * Removes profiles that were never anybody's: no session has them, they hold neither a claim nor a login, and no
     * runner is on them, now and `UNUSED_MS` ago. Returns how many. Throws `runtime_unavailable`.
     */
    async removeUnused(): Promise<number> {
      let removed = 0;
      for (const [profileId, since] of unused) {
        if (clock.now() - since < UNUSED_MS) continue;
        const contents = await profiles.inspect(profileId);
        const isUnused = contents?.claim === null && !contents.linked;
        const runners = await runnersOf(profileId);
        if (!isUnused || runners.length > 0 || store.profileIds().has(profileId)) {
          unused.delete(profileId);
          continue;
        }
        await profiles.remove(profileId);
        unused.delete(profileId);
        removed += 1;
        log.info({ profileId }, "a profile that was never used is removed");
      }
      return removed;
    },

    /** Profiles without a session that are kept. */
    kept: (): KeptProfile[] => [...kept].map(([profileId, why]) => ({ profileId, why })),
  };
}

const newestClaimFirst = (one: Claimed, other: Claimed) =>
  Date.parse(other.contents.claim.claimedAt) - Date.parse(one.contents.claim.claimedAt);

const newestAlive = (runners: readonly RunnerInfo[]): RunnerInfo | undefined =>
  runners
    .filter(({ liveness }) => liveness === "alive")
    .toSorted((one, other) => Date.parse(other.createdAt) - Date.parse(one.createdAt))[0];

/**
 * A runner that the database does not know, on a session's own profile, was started after this copy of the database
 * was made: it is taken as the session's present one where there is no other.
 */
export function withRunnerOfLater(
  store: SessionStore,
  session: SessionRow,
  profileId: string,
  runners: readonly RunnerInfo[],
): SessionRow {
  if (session.desired !== "running") return session;
  if (runners.some(({ runnerId, liveness }) => liveness === "alive" && runnerId === session.runnerId))
    return session;
  const later = newestAlive(runners.filter(({ runnerId }) => !store.knowsRunner(runnerId)));
  if (!later) return session;
  store.addRunner(later.runnerId, profileId);
  return store.transition(session, { status: "connecting", reason: "starting", runnerId: later.runnerId });
}
