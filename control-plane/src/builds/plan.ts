import type { SessionReason, SessionStatus } from "@whatsapp-engine/contract/api";
import type { Evidence } from "./evidence.ts";
import type { WhatsAppBuildRow } from "./store.ts";
import { compareVersions } from "./versions.ts";

/** A session as far as it matters here. */
export type Sight = {
  id: string;
  running: boolean;
  status: SessionStatus;
  reason: SessionReason | null;
  /** For people. */
  detail: string | null;
  /** By a logout of the API, and not by WhatsApp or on the phone. */
  unlinkedByCaller: boolean;
  /** What its page runs, or ran last. */
  version: string | null;
  pinned: boolean;
  connectedAt: number | null;
  /** When its status changed last. */
  changedAt: number;
  /** When its present runner was started; null: it has none, or waits for its turn. */
  runnerSince: number | null;
};

export type PlannedAction =
  | { action: "begin"; version: string; sessionId: string }
  /** `at`: when the session was connected on it. */
  | { action: "ready"; version: string; sessionId: string; at: number }
  | { action: "prove"; version: string; cautious: boolean; why: string }
  | { action: "reject"; version: string; sessionId: string; why: string }
  | { action: "abandon"; version: string; why: string }
  /** With all that are older. */
  | { action: "refuse"; version: string; why: string }
  /** It runs a build that it is not to run; `refused`: nor does WhatsApp let it. */
  | { action: "move"; sessionId: string; refused: boolean };

export type Known = {
  now: number;
  /** The newest version first. */
  builds: readonly WhatsAppBuildRow[];
  hasCopy: (version: string) => boolean;
  sessions: readonly Sight[];
  /** What happened on the build that is tried, since its session was connected on it; null: not looked at now. */
  trial: () => Evidence | null;
  /** The same of a build that sessions took because WhatsApp served it. */
  use: (build: WhatsAppBuildRow) => Evidence | null;
  /** Kinds of messages that this fleet sends. */
  kinds: () => ReadonlySet<string>;
  /** The session that is to try the next build; null: there is none, undefined: not looked for now. */
  canary: () => string | null | undefined;
  limits: Limits;
};

type Limits = {
  /** How long nothing may go wrong on a build. */
  proveMs: number;
  /** Texts that must be acknowledged. */
  texts: number;
  /** After which time without a fault a build is taken over though too little happened on it. */
  patienceMs: number;
  /** From the start of a session's runner to its connection. */
  readyMs: number;
};

/** What the page, and not the machine, is at fault for. */
const PAGE_REASONS: ReadonlySet<SessionReason | null> = new Set<SessionReason>([
  "start_timeout",
  "connect_timeout",
  "page_hung",
  "page_crashed",
  "unknown_state",
  "start_failed",
]);
/** What concerns one account alone, for as long as it lasts. */
const ACCOUNT_REASONS: ReadonlySet<SessionReason | null> = new Set<SessionReason>([
  "conflict",
  "banned",
  "proxy_blocked",
  "deprecated_version",
]);

/** A start may fail, and be tried again, for so many times what one may take. */
const STARTS = 3;
/** How often the page may be opened anew during a trial; a browser falls over now and then. */
const MAX_FALLS = 2;
/** How often messages failed, so that one failure is no bad build; and their share of all of their kind. */
const MIN_TROUBLES = 2;
const MIN_SHARE = 0.2;
/** How much above the share of before; but where this much fails it is too much, whatever was usual. */
const ABOVE = 3;
const TOO_MUCH = 0.8;
/** A session that received as much as this in the hour before, and nothing in the hour since, is deaf. */
const DEAF_AFTER = 10;

/** The build that sessions are started with: the newest that is proven, and of which there is a copy. */
export const fleetVersion = (builds: readonly WhatsAppBuildRow[], hasCopy: Known["hasCopy"]): string | null =>
  builds.find(({ state, version }) => state === "proven" && hasCopy(version))?.version ?? null;

/** Proven builds whose copies are kept: what the fleet has, and what it could go back to. */
const KEPT_PROVEN = 3;

/** Whether its copy is kept however many there are. `builds`: the newest first. */
export const keepsCopy = (version: string, builds: readonly WhatsAppBuildRow[]): boolean =>
  [...builds.filter(({ state }) => state === "proven").slice(0, KEPT_PROVEN), trialOf(builds)].some(
    (build) => build?.version === version,
  );

export const trialOf = (builds: readonly WhatsAppBuildRow[]) =>
  builds.find(({ state }) => state === "trying");

/** What must be done, in order; what follows from it comes with the next look. Pure but for the questions that it asks. */
export function planBuilds(known: Known): PlannedAction[] {
  const { builds, sessions } = known;
  const refused = refusals(known);
  if (refused.length > 0) return refused;
  const fleet = fleetVersion(builds, known.hasCopy);
  const trial = trialOf(builds);
  const actions = trial ? judgeTrial(known, trial) : fleet === null ? judgeUse(known) : next(known, fleet);
  if (actions.length > 0) return actions;
  return sessions
    .filter((session) => isMisplaced(session, builds, fleet))
    .map(({ id, reason }) => ({
      action: "move",
      sessionId: id,
      refused: reason === "deprecated_version",
    }));
}

/** WhatsApp tells of old builds by a state of their own. */
function refusals({ builds, sessions }: Known): PlannedAction[] {
  return builds.flatMap(({ version, state }): PlannedAction[] => {
    if (state !== "proven" && state !== "trying") return [];
    const told = sessions.find(
      (one) => !one.pinned && one.reason === "deprecated_version" && one.version === version,
    );
    if (!told) return [];
    const why = `WhatsApp does not let it in any more, as session '${told.id}' was told.`;
    // With a build go all that are older; not where others are let in with one.
    const isAlone =
      state === "trying" &&
      builds.some((build) => build.state === "proven" && sessions.some((one) => isOn(one, build.version)));
    return [
      isAlone ? { action: "reject", version, sessionId: told.id, why } : { action: "refuse", version, why },
    ];
  });
}

function judgeTrial(known: Known, build: WhatsAppBuildRow): PlannedAction[] {
  const { version, sessionId, readyAt } = build;
  const session = known.sessions.find(({ id }) => id === sessionId);
  const abandon = (why: string): PlannedAction[] => [{ action: "abandon", version, why }];
  const reject = (why: string): PlannedAction[] => [
    { action: "reject", version, sessionId: sessionId!, why },
  ];
  if (!session) return abandon("The session that tried it is not there any more.");
  if (session.pinned) return abandon("The session that tried it was pinned to another build.");
  if (!known.hasCopy(version)) return abandon("Its copy is gone.");
  const onIt = session.version === version;
  const unlinked = session.reason === "logged_out" && !session.unlinkedByCaller;
  if (onIt && unlinked)
    return reject("WhatsApp unlinked the session that tried it, which may have had another cause.");
  if (onIt && readyAt !== null && (session.status === "qr_ready" || session.reason === "qr_expired"))
    return reject("It did not know the login any more, and showed a code.");
  if (!session.running) return abandon("The session that tried it was stopped.");
  // What falls over everywhere at once is the network, or WhatsApp, and tells nothing of a build.
  if (othersAreDown(known, session)) return [];
  if (ACCOUNT_REASONS.has(session.reason))
    return abandon(`WhatsApp keeps the session that tried it away (${session.reason}).`);
  if (readyAt === null) return judgeStart(known, build, session);
  if (session.status !== "connected" && known.now > session.changedAt + known.limits.readyMs)
    return onIt && PAGE_REASONS.has(session.reason)
      ? reject(`Its page is not up any more (${session.reason}).`)
      : abandon(`The session that tried it is not up any more (${session.reason}).`);
  const evidence = known.trial();
  if (evidence === null) return [];
  const fault = faultOf(evidence);
  if (fault !== null) return reject(fault);
  if (!isOn(session, version)) return []; // it is seen when it is back whether it holds
  const lacking = lackingFor(known, evidence, readyAt);
  if (lacking === null) return [prove(version, false, `Session '${session.id}' showed it.`)];
  const unblemished = build.rejectedAt === null && evidence.lastTroubleAt === null;
  return unblemished && isLong(known, build) && known.now >= readyAt + known.limits.proveMs
    ? [prove(version, true, `Nothing failed on it, though too little happened: ${lacking}.`)]
    : [];
}

function judgeStart(known: Known, { version, triedAt }: WhatsAppBuildRow, session: Sight): PlannedAction[] {
  const { status, reason, detail, runnerSince, connectedAt, id } = session;
  const onIt = session.version === version;
  const reject = (why: string): PlannedAction[] => [
    { action: "reject", version, sessionId: id, why: `${why}${detail === null ? "" : ` (${detail})`}.` },
  ];
  if (status === "connected" && onIt)
    return [{ action: "ready", version, sessionId: id, at: Math.max(connectedAt ?? 0, triedAt!) }];
  const isLate = known.now > triedAt! + STARTS * known.limits.readyMs;
  if (isLate && status !== "connected" && (runnerSince === null || runnerSince >= triedAt!))
    return onIt && PAGE_REASONS.has(reason)
      ? reject(`It did not get ready in several starts (${reason})`)
      : [{ action: "abandon", version, why: `The session that tried it did not come up (${reason}).` }];
  if (status === "connected" || runnerSince === null || runnerSince < triedAt!) return []; // not started with it yet
  if (onIt && status === "qr_ready") return reject("It did not know the login, and showed a code");
  if (onIt && reason === "start_timeout") return reject("It did not get ready (start_timeout)");
  if (known.now <= runnerSince + known.limits.readyMs) return [];
  if (onIt && (reason === null || reason === "opening" || PAGE_REASONS.has(reason)))
    return reject(`It did not get ready in time${reason === null ? "" : ` (${reason})`}`);
  return [{ action: "abandon", version, why: `The session that tried it did not come up (${reason}).` }];
}

/** Whether most of the other sessions that are to run are not connected either. */
function othersAreDown({ sessions }: Known, session: Sight): boolean {
  const others = sessions.filter(
    (one) =>
      one.running &&
      one.id !== session.id &&
      !one.pinned &&
      one.status !== "qr_ready" &&
      !ACCOUNT_REASONS.has(one.reason),
  );
  return others.filter(({ status }) => status !== "connected").length * 2 > others.length;
}

/** While nothing is proven everybody takes what WhatsApp serves, and what happens on that is what it is judged by. */
function judgeUse(known: Known): PlannedAction[] {
  for (const build of known.builds) {
    const usable = build.state === "found" && known.hasCopy(build.version);
    if (!usable || !known.sessions.some((one) => !one.pinned && isOn(one, build.version))) continue;
    const evidence = known.use(build);
    if (evidence === null || faultOf(evidence) !== null) continue;
    const lacking = lackingFor(known, evidence, build.foundAt);
    if (lacking === null)
      return [prove(build.version, false, "The sessions that WhatsApp served it to showed it.")];
    if (isLong(known, build))
      return [prove(build.version, true, `Nothing failed on it, though too little happened: ${lacking}.`)];
  }
  return [];
}

/** A build that is newer than what the fleet has. */
function next(known: Known, fleet: string): PlannedAction[] {
  const { now } = known;
  const untried = known.builds.filter(
    ({ version, state, retryAt }) =>
      (state === "found" || state === "rejected") &&
      (retryAt === null || retryAt <= now) &&
      compareVersions(version, fleet) > 0 &&
      known.hasCopy(version),
  );
  const [newest] = untried;
  if (!newest) return [];
  const oldest = untried.findLast((build) => build.state === "found" && isLong(known, build));
  const sessionId = known.canary();
  if (typeof sessionId === "string") return [{ action: "begin", version: newest.version, sessionId }];
  return sessionId === null && oldest
    ? [prove(oldest.version, true, "No session could try it, and it failed nowhere.")]
    : [];
}

const isLong = ({ now, limits }: Known, { foundAt }: WhatsAppBuildRow) => now > foundAt + limits.patienceMs;
const prove = (version: string, cautious: boolean, why: string): PlannedAction => ({
  action: "prove",
  version,
  cautious,
  why,
});
const isOn = ({ running, status, version }: Sight, build: string) =>
  running && status === "connected" && version === build;

/** What speaks against a build; null: nothing so far. */
export function faultOf(evidence: Evidence): string | null {
  const { kinds, falls, failedMends, usualShare, isDeaf, receivedBefore } = evidence;
  for (const [kind, { acknowledged, troubles, lastTrouble }] of Object.entries(kinds)) {
    const share = troubles / (troubles + acknowledged);
    if (troubles < MIN_TROUBLES || share < Math.min(TOO_MUCH, Math.max(MIN_SHARE, ABOVE * usualShare)))
      continue;
    return `Messages of kind ${kind} failed in the page, or have no outcome, ${troubles} times, and ${acknowledged} were acknowledged; the last: ${lastTrouble}`;
  }
  if (failedMends.length > 0)
    return `What the engine does about changes of the page did not help: ${failedMends.join(", ")}.`;
  if (falls > MAX_FALLS) return `Its page fell over or hung ${falls} times.`;
  if (isDeaf && receivedBefore >= DEAF_AFTER)
    return `Nothing was received in an hour, where ${receivedBefore} messages were in the hour before, and other sessions received some.`;
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
  if (!received) return "nothing was received";
  if (now < since + limits.proveMs) return "it is not tried for long enough";
  if (lastTroubleAt !== null && now < lastTroubleAt + limits.proveMs) return "something failed not long ago";
  return null;
}

/**
 * Whether a session runs a build that it is to leave: one that it tried, one that WhatsApp refuses, one that another is to try
 * before (its page was opened anew while the engine had no copy for it), or none of what it is to try.
 */
export function isMisplaced(
  session: Omit<Sight, "detail" | "connectedAt" | "changedAt">,
  builds: readonly WhatsAppBuildRow[],
  fleet: string | null,
): boolean {
  const { id, running, status, reason, version, pinned } = session;
  if (pinned || !running || version === null) return false;
  const trial = trialOf(builds);
  if (trial?.sessionId === id)
    return status === "connected" && trial.readyAt === null && version !== trial.version;
  const build = builds.find((one) => one.version === version);
  if (build?.state === "refused")
    return reason === "deprecated_version" || (status === "connected" && fleet !== null && fleet !== version);
  if (fleet === null) return false;
  const { runnerSince } = session;
  const triedIt = build?.state === "rejected" && build.sessionId === id;
  // On its way up with it, and not with another: what the row says of its build is of before then.
  if (triedIt && runnerSince !== null && runnerSince < build.rejectedAt!) return true;
  const left = build?.state === "rejected" || (build?.state === "found" && build.sessionId === id);
  const early = build?.state !== "proven" && compareVersions(version, fleet) > 0;
  return (
    (left && (status === "connected" || status === "qr_ready" || PAGE_REASONS.has(reason))) ||
    (early && status === "connected")
  );
}
