import type { RunnerState } from "@whatsapp-engine/contract/runner";
import type { RunnerInfo } from "../../runtime/index.ts";
import type { WarmRunnerRow } from "../../sessions/index.ts";

/**
 * How long after its time a code counts as fresh: the page does not tell until when it is good, and the next one takes a
 * moment to come. About as long as WhatsApp Web shows one (`runner/src/whatsapp/qr-codes.ts`).
 */
const CODE_SLACK_MS = 20_000;

/** A warm runner as far as it is known. Times are milliseconds since 1970. */
export type Warm = WarmRunnerRow & {
  /** The newest state it told; null: none yet, or its stream is broken. */
  state: RunnerState | null;
  /** When that was heard, or since when nothing is. */
  heardAt: number;
  /** Somebody scanned, which no call of the API lets happen before the claim. */
  linked: boolean;
  /** What is proven to be wrong with it. */
  fault: string | null;
};

export type Verdict = {
  /** For people. */
  why: string;
  /** Counts against the next start. */
  failed: boolean;
  /** There may be a login on it, which is never deleted on a guess. */
  keepProfile: boolean;
};

export type PlannedAction =
  | { action: "follow"; warm: Warm }
  | { action: "remove"; warm: Warm; verdict: Verdict }
  | { action: "start" };

/** Whether a session may have it: it shows a code that can be scanned. */
export const isReady = ({ state, fault, linked }: Warm, now: number): boolean =>
  fault === null && !linked && state?.status === "qr_ready" && showsFreshCode(state, now);

const showsFreshCode = ({ qr }: RunnerState, now: number) =>
  qr !== null && now < Date.parse(qr.expiresAt) + CODE_SLACK_MS;

export const tellsOfLogin = ({ status, account }: RunnerState): boolean =>
  status === "authenticated" || status === "connected" || account !== null;

/**
 * What must be done, in order, so that the pool is as wanted: one start at a time. Pure.
 * `runners`: every runner there is, dead ones too.
 */
export function planWarm(known: {
  warm: readonly Warm[];
  runners: readonly RunnerInfo[];
  /** How many there may be. */
  most: number;
  maxAgeMs: number;
  /** From start to a code; longer than the runner itself takes to give up. */
  startMs: number;
  now: number;
}): PlannedAction[] {
  const { runners, most, now } = known;
  const alive = new Set(
    runners.filter(({ liveness }) => liveness === "alive").map(({ runnerId }) => runnerId),
  );

  function judge(warm: Warm): Verdict | null {
    const { state } = warm;
    if (warm.linked)
      return { why: "an account was linked before a session had it", failed: false, keepProfile: true };
    if (warm.fault !== null) return failure(warm.fault);
    if (!alive.has(warm.runnerId)) return needless("its runner does not run");
    if (state?.status === "disconnected" || state?.status === "auth_failed")
      return failure(`it ended: ${state.reason ?? state.status}`);
    const hopeless = state?.qr ? !showsFreshCode(state, now) : now >= warm.heardAt + known.startMs;
    if (hopeless) return failure("it shows no fresh code");
    return null;
  }

  const isStarting = (warm: Warm) => !isReady(warm, now);

  const judged = known.warm.map((warm) => ({ warm, verdict: judge(warm) }));
  const good = judged.flatMap(({ warm, verdict }) => (verdict ? [] : [warm]));
  // One after the other, each once the one before it is replaced: what was started together gets old together.
  const old = good.some(isStarting)
    ? undefined
    : good.find(({ createdAt }) => now >= createdAt + known.maxAgeMs);
  const byUse = good
    .filter((warm) => warm !== old)
    .toSorted((one, other) => Number(isStarting(one)) - Number(isStarting(other)));
  const kept = byUse.slice(0, most);

  return [
    ...judged.flatMap(({ warm, verdict }) => (verdict ? [removal(warm, verdict)] : [])),
    ...(old ? [removal(old, needless("it is old"))] : []),
    ...byUse.slice(most).map((warm) => removal(warm, needless("no more are wanted"))),
    ...kept.map((warm) => ({ action: "follow" as const, warm })),
    ...(kept.length < most && !kept.some(isStarting) ? [{ action: "start" as const }] : []),
  ];
}

const removal = (warm: Warm, verdict: Verdict): PlannedAction => ({ action: "remove", warm, verdict });
const failure = (why: string): Verdict => ({ why, failed: true, keepProfile: false });
export const needless = (why: string): Verdict => ({ why, failed: false, keepProfile: false });
