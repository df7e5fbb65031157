import type { RunnerState } from "@whatsapp-engine/contract/runner";
import type { Log } from "../lib/logger.ts";
import { compareAccounts } from "../people/index.ts";
import {
  fateOf,
  type RunnerFate,
  type SessionChange,
  type SessionRow,
  type SessionStore,
} from "../sessions/index.ts";
import { UNREAD, type Unread } from "./unread.ts";

const DOUBT = "The linked account could not be compared with phoneNumber.";

/** Turns what a runner says of itself into the session's row. Returns what is to become of the runner. */
export function createObserver({
  store,
  unread,
  log,
}: {
  store: SessionStore;
  unread: Pick<Unread, "isRecent">;
  log: Log;
}) {
  function observe(sessionId: string, state: RunnerState): RunnerFate {
    const row = store.find(sessionId);
    if (!row || row.runnerId !== state.runnerId || row.desired !== "running") return "keep";

    if (state.newerGeneration !== null) store.raiseGeneration(sessionId, state.newerGeneration);
    const account = checkAccount(row, state);
    if (account === "different") {
      log.warn({ sessionId, runnerId: state.runnerId }, "another account was linked than the session is for");
      const detail = "The account that scanned is not the phoneNumber the session was created with.";
      store.transition(row, { status: "auth_failed", reason: "wrong_number", detail, desired: "stopped" });
      return "end";
    }

    const fate = fateOf(state.status, state.reason);
    const change: SessionChange = {
      status: state.status,
      reason: reasonOf(row, state),
      detail:
        state.detail ??
        (state.diskTrouble === null ? null : unwritable(state.diskTrouble)) ??
        (account === "doubtful" ? DOUBT : whyAgain(row, state)) ??
        (unread.isRecent(sessionId) ? UNREAD : null),
      whatsappVersion: state.whatsappVersion ?? row.whatsappVersion,
      linkedPhoneNumber: state.account?.phoneNumber ?? (hasNoLogin(state) ? null : row.linkedPhoneNumber),
      pushName: state.account?.pushName ?? row.pushName,
      ...(fate === "end" ? { desired: "stopped" } : {}),
      // Asked for, and maybe done before its answer comes; one that is connected anew was not.
      unlinkOutcome: state.status === "connected" && row.status !== "connected" ? null : row.unlinkOutcome,
    };
    store.transition(row, change);
    if (row.status !== change.status || row.reason !== change.reason) {
      const level = state.status === "auth_failed" || state.status === "disconnected" ? "warn" : "info";
      log[level](
        {
          sessionId,
          runnerId: state.runnerId,
          status: state.status,
          reason: change.reason,
          detail: state.detail,
        },
        "session status",
      );
    }
    return fate;
  }

  return {
    state: observe,

    /** Something of the session's runner could not be read, maybe its state. */
    unread(sessionId: string, runnerId: string): void {
      const row = store.find(sessionId);
      if (row?.runnerId !== runnerId || row.desired !== "running") return;
      store.transition(row, { status: row.status, reason: row.reason, detail: row.detail ?? UNREAD });
    },
  };
}

const unwritable = (why: string) =>
  `The disk of its profile takes nothing (${why}): nothing is sent, and what comes in is told when there is room.`;

const hasNoLogin = ({ reason }: RunnerState) => reason === "logged_out" || reason === "login_lost";

/** A session that is woken says so until it is connected, or it turns out that it will not be. */
const reasonOf = (row: SessionRow, { status, reason }: RunnerState) =>
  row.reason === "waking" && (status === "connecting" || status === "authenticated") ? "waking" : reason;

/** While a runner is still starting, what the one before it failed by. */
const whyAgain = (row: SessionRow, { reason }: RunnerState) => (reason === "starting" ? row.detail : null);

/** Null where there is nothing to compare. */
function checkAccount(row: SessionRow, { account }: RunnerState) {
  if (row.expectedPhoneNumber === null || account === null) return null;
  return compareAccounts(row.expectedPhoneNumber, account.phoneNumber);
}
