import { setTimeout as delay } from "node:timers/promises";
import { findOnProfiles, type Place } from "./find.ts";
import { groupOf, identify } from "./proc.ts";

/** Something uses a profile, or may, and was not ended: nothing may be started on it now. */
export class ProfileInUse extends Error {
  override readonly name = "ProfileInUse";
}

type Options = {
  /** How long it may take to end by itself, after SIGTERM. */
  graceMs?: number;
  /** How long after SIGKILL; twice, for what something starts anew meanwhile. */
  killMs?: number;
};

/** Linux tells nobody of the end of what is no child. */
const POLL_MS = 20;
/** Chosen here: what starts a browser again and again has started the next one by then. */
const SETTLE_MS = 250;

/**
 * Ends all that is on these profiles, whoever started it, and returns how many processes that were. Throws `ProfileInUse`
 * where something stays, or where it cannot be known that nothing is there.
 */
export const endOnProfiles = async (
  places: readonly Place[],
  { graceMs = 5_000, killMs = 5_000 }: Options = {},
): Promise<number> => {
  /** What was found by now: a helper whose browser ended is on no profile, and may run still. */
  const all = new Map<string, Running>();
  for (const [signal, waitMs] of [
    ["SIGTERM", graceMs],
    ["SIGKILL", killMs],
    ["SIGKILL", killMs],
  ] as const) {
    for (const one of await runningOn(places)) all.set(one.name, one);
    const left = [...all.values()].filter(isRunning);
    if (left.length === 0) return all.size;
    for (const { pid, isHelper } of left) {
      // A browser that ends in order still needs them.
      if (!isHelper || signal === "SIGKILL") send(pid, signal);
    }
    const deadline = performance.now() + waitMs;
    while (left.some(isRunning) && performance.now() < deadline) await delay(POLL_MS);
    await delay(SETTLE_MS);
  }
  const [left] = await runningOn(places);
  if (left !== undefined) throw cannotEnd(left.pid, "it does not end, or is started again and again");
  return all.size;
};

type Running = { pid: number; name: string; isHelper: boolean };

const runningOn = async (places: readonly Place[]): Promise<Running[]> => {
  const found = await findOnProfiles(places);
  const unknown = found.find((one) => one.unknown !== null)?.unknown;
  if (unknown !== undefined)
    throw new ProfileInUse(`It cannot be known whether a browser is on the session's profile: ${unknown}.`);
  return found.flatMap(({ pids, helpers }) =>
    [...pids, ...helpers].flatMap((pid, index) => {
      const name = groupOf(pid) === undefined ? undefined : identify(pid);
      return name === undefined ? [] : [{ pid, name, isHelper: index >= pids.length }];
    }),
  );
};

const isRunning = ({ pid, name }: Running): boolean => groupOf(pid) !== undefined && identify(pid) === name;

const send = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH") throw cannotEnd(pid, code === "EPERM" ? "it is another user's" : message);
  }
};

const cannotEnd = (pid: number, why: string) =>
  new ProfileInUse(
    `Process ${pid} is on the session's profile and could not be ended: ${why}. End it (kill ${pid}); nothing is started beside it.`,
  );
