import type { SessionReason, SessionStatus } from "@whatsapp-engine/contract";
import type { Evidence } from "./evidence.ts";
import type { WhatsAppBuildRow } from "./store.ts";
import { compareVersions } from "./versions.ts";

/** A session as far as it matters here. */
export type Sight = {
  id: string;
  running: boolean;
  status: SessionStatus;
  reason: SessionReason | null;
  detail: string | null;
  /** What its page runs, or ran last. */
  version: string | null;
  pinned: boolean;
};

export type Step =
  | { action: "begin"; version: string; sessionId: string }
  | { action: "ready"; version: string; sessionId: string }
  | { action: "prove"; version: string; cautious: boolean; why: string }
  | { action: "reject"; version: string; sessionId: string; why: string }
  | { action: "abandon"; version: string; why: string }
  | { action: "refuse"; version: string; why: string }
  /** It runs a build that it is not to run. */
  | { action: "move"; sessionId: string };

export type Known = {
  now: number;
  /** The newest version first. */
  builds: readonly WhatsAppBuildRow[];
  hasCopy: (version: string) => boolean;
  sessions: readonly Sight[];
  /** What happened on the build that is tried, since its session was connected on it. */
  trial: () => Evidence;
  /** The same of a build that sessions took because WhatsApp served it; null: not looked at now. */
  use: (build: WhatsAppBuildRow) => Evidence | null;
  /** Kinds of messages that this fleet sends. */
  kinds: () => ReadonlySet<string>;
  /** The session that is to try the next build; null: there is none. */
  canary: () => string | null;
  limits: Limits;
};

export type Limits = {
  /** How long nothing may go wrong on a build. */
  proveMs: number;
  /** Texts that must be acknowledged. */
  texts: number;
  /** After which time without a fault a build is taken over though too little happened on it. */
  patienceMs: number;
  /** From the start of a session to its connection. */
  readyMs: number;
};

/** What the page, and not the machine, is at fault for. */
const PAGE_REASONS: ReadonlySet<SessionReason | null> = new Set<SessionReason>([
  "start_timeout",
  "connect_timeout",
  "page_hung",
  "page_crashed",
  "unknown_state",
  "logged_out",
]);

/** How often the page may be opened anew during a trial; a browser falls over now and then. */
const MAX_FALLS = 2;
/** Messages that failed, so that one bad file is no bad build; and their share of all of their kind. */
const MIN_TROUBLES = 2;
const MIN_SHARE = 0.2;
/** How much above the share of before. */
const ABOVE = 3;
/** A session that received as much as this in as much time before, and nothing now, is deaf. */
const DEAF_AFTER = 10;

/** The build that sessions are started with: the newest that is proven, and of which there is a copy. */
export const fleetVersion = (builds: readonly WhatsAppBuildRow[], hasCopy: Known["hasCopy"]): string | null =>
  builds.find(({ state, version }) => state === "proven" && hasCopy(version))?.version ?? null;

export const trialOf = (builds: readonly WhatsAppBuildRow[]) =>
  builds.find(({ state }) => state === "trying");

/** What must be done, in order. Pure but for the questions that it asks. */
export function planBuilds(known: Known): Step[] {
  const { builds, sessions } = known;
  const fleet = fleetVersion(builds, known.hasCopy);
  const trial = trialOf(builds);
  const steps: Step[] = [...refusals(known)];
  if (trial) steps.push(...judgeTrial(known, trial));
  else if (fleet === null) steps.push(...judgeUse(known));
  else steps.push(...next(known, fleet));
  // What was just decided is seen to with the next look.
  if (steps.length === 0)
    for (const session of sessions)
      if (isMisplaced(session, known, fleet)) steps.push({ action: "move", sessionId: session.id });
  return steps;
}

/** WhatsApp tells old builds by a state of their own. */
function refusals({ builds, sessions }: Known): Step[] {
  return builds.flatMap(({ version, state }): Step[] => {
    if (state !== "proven" && state !== "trying") return [];
    const told = sessions.find(
      (one) => !one.pinned && one.reason === "deprecated_version" && one.version === version,
    );
    const why = `WhatsApp does not let it in any more, as session '${told?.id}' was told.`;
    return told ? [{ action: "refuse", version, why }] : [];
  });
}

function judgeTrial(known: Known, build: WhatsAppBuildRow): Step[] {
  const { version, sessionId, triedAt, readyAt } = build;
  const session = known.sessions.find(({ id }) => id === sessionId);
  const abandon = (why: string): Step[] => [{ action: "abandon", version, why }];
  const reject = (why: string): Step[] => [{ action: "reject", version, sessionId: sessionId!, why }];
  if (!session) return abandon("The session that tried it is not there any more.");
  if (session.pinned) return abandon("The session that tried it was pinned to another build.");
  if (!known.hasCopy(version)) return abandon("Its copy is gone.");
  const says = session.detail === null ? "" : `: ${session.detail}`;
  const onIt = session.version === version;
  if (session.reason === "logged_out" && onIt)
    return reject(`The session that tried it was unlinked, which may have had another cause${says}.`);
  if (!session.running) return abandon("The session that tried it was stopped.");
  if (readyAt === null) {
    if (session.status === "connected" && onIt) return [{ action: "ready", version, sessionId: session.id }];
    if (session.reason === "runtime_unavailable") return abandon("The runtime went away.");
    if (onIt && PAGE_REASONS.has(session.reason))
      return reject(`It did not get ready (${session.reason}${says}).`);
    const late = known.now > triedAt! + known.limits.readyMs;
    if (late && session.status !== "connected") return reject(`It did not get ready in time${says}.`);
    return [];
  }
  const evidence = known.trial();
  const fault = faultOf(evidence);
  if (fault !== null) return reject(fault);
  const lacking = lackingFor(known, evidence, readyAt);
  if (lacking === null) return [prove(version, false, `Session '${session.id}' showed it.`)];
  if (known.now > triedAt! + known.limits.patienceMs)
    return [prove(version, true, `Nothing failed on it, though too little happened (${lacking}).`)];
  return [];
}

/** While nothing is proven everybody takes what WhatsApp serves, and what happens on that is what it is judged by. */
function judgeUse(known: Known): Step[] {
  for (const build of known.builds) {
    const usable = build.state === "found" && known.hasCopy(build.version);
    if (!usable || !known.sessions.some((one) => !one.pinned && isOn(one, build.version))) continue;
    const evidence = known.use(build);
    if (evidence === null || faultOf(evidence) !== null) continue;
    if (lackingFor(known, evidence, build.foundAt) === null)
      return [prove(build.version, false, "The sessions that WhatsApp served it to showed it.")];
  }
  return [];
}

/** A build that is newer than what the fleet has. */
function next(known: Known, fleet: string): Step[] {
  const { now } = known;
  const untried = known.builds.filter(
    ({ version, state, retryAt }) =>
      known.hasCopy(version) &&
      compareVersions(version, fleet) > 0 &&
      (state === "found" || (state === "rejected" && retryAt !== null && retryAt <= now)),
  );
  const [newest] = untried;
  if (!newest) return [];
  const sessionId = known.canary();
  if (sessionId !== null) return [{ action: "begin", version: newest.version, sessionId }];
  const oldest = untried.findLast(({ state, triedAt }) => state === "found" && triedAt === null);
  if (oldest && now > oldest.foundAt + known.limits.patienceMs)
    return [prove(oldest.version, true, "No session could try it, and it failed nowhere.")];
  return [];
}

const prove = (version: string, cautious: boolean, why: string): Step => ({
  action: "prove",
  version,
  cautious,
  why,
});
const isOn = ({ running, status, version }: Sight, build: string) =>
  running && status === "connected" && version === build;

/** What speaks against a build; null: nothing so far. */
export function faultOf(evidence: Evidence): string | null {
  const { kinds, falls, failedMends, usualShare, received, receivedBefore } = evidence;
  for (const [kind, { acknowledged, troubles, lastTrouble }] of Object.entries(kinds)) {
    const share = troubles / (troubles + acknowledged);
    if (troubles < MIN_TROUBLES || share < Math.max(MIN_SHARE, ABOVE * usualShare)) continue;
    return `${troubles} of ${troubles + acknowledged} messages of kind ${kind} failed in the page or have no outcome; the last: ${lastTrouble}`;
  }
  if (failedMends.length > 0)
    return `What the engine does about changes of the page did not help: ${failedMends.join(", ")}.`;
  if (falls > MAX_FALLS) return `Its page fell over or hung ${falls} times.`;
  if (received === 0 && receivedBefore >= DEAF_AFTER)
    return `Nothing was received, where ${receivedBefore} messages were in as much time before.`;
  return null;
}

/** What must still happen before a build counts as proven; null: nothing. */
function lackingFor(known: Known, evidence: Evidence, since: number): string | null {
  const { now, limits } = known;
  const { kinds, received, lastTroubleAt } = evidence;
  const acknowledged = (kind: string) => kinds[kind]?.acknowledged ?? 0;
  if (acknowledged("text") < limits.texts)
    return `${acknowledged("text")} of ${limits.texts} texts were acknowledged`;
  for (const kind of known.kinds())
    if (acknowledged(kind) === 0) return `none of kind ${kind} was acknowledged`;
  if (received === 0) return "nothing was received";
  if (now < since + limits.proveMs) return "it is not tried for long enough";
  if (lastTroubleAt !== null && now < lastTroubleAt + limits.proveMs) return "something failed not long ago";
  return null;
}

/** Whether a session runs a build that it is to leave: one that failed, or another than the one it is to try. */
function isMisplaced(session: Sight, { builds }: Known, fleet: string | null): boolean {
  if (session.pinned || !session.running || session.version === null) return false;
  const settled = session.status === "connected" || session.reason === "deprecated_version";
  if (!settled) return false;
  const trial = trialOf(builds);
  if (trial?.sessionId === session.id) return session.version !== trial.version && trial.readyAt === null;
  const build = builds.find(({ version }) => version === session.version);
  if (build?.state === "refused") return fleet !== session.version;
  return build?.state === "rejected" && fleet !== null;
}
