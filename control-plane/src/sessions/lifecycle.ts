import type { SessionReason, SessionStatus } from "@whatsapp-engine/contract/api";
import type { SessionRow } from "@whatsapp-engine/db";

/** From which state a session may go to which. Every writer goes through it (`store.transition`). */
const NEXT = {
  connecting: ["connecting", "qr_ready", "authenticated", "connected", "auth_failed", "disconnected"],
  qr_ready: ["qr_ready", "connecting", "authenticated", "connected", "auth_failed", "disconnected"],
  authenticated: ["authenticated", "connecting", "connected", "auth_failed", "disconnected"],
  connected: ["connected", "connecting", "auth_failed", "disconnected"],
  auth_failed: ["auth_failed", "connecting", "qr_ready", "disconnected"],
  disconnected: ["disconnected", "connecting", "auth_failed"],
} as const satisfies Record<SessionStatus, readonly SessionStatus[]>;

/**
 * The states to pass through on the way: `[to]`, or `["connecting", to]` where the step between was not seen
 * (the engine was down meanwhile). Every state is reachable so; what may not act at all (a runner that is not
 * the session's present one) is kept out before this.
 */
export function pathBetween(from: SessionStatus, to: SessionStatus): readonly SessionStatus[] {
  return (NEXT[from] as readonly SessionStatus[]).includes(to) ? [to] : ["connecting", to];
}

/** Of a session that is on its way up: whether its caller may send already, as one that was woken will be connected soon. */
export const startReason = ({
  desired,
  reason,
}: Pick<SessionRow, "desired" | "reason">): "starting" | "waking" =>
  desired === "asleep" || reason === "waking" ? "waking" : "starting";

/** What a reason reported by the runner means for the runner itself. */
export type RunnerFate = "keep" | "end" | "replace";

const FATE: Partial<Record<SessionReason, RunnerFate>> = {
  // A person must act (scan again): no memory is held meanwhile, POST /sessions/create starts it again.
  logged_out: "end",
  login_lost: "end",
  wrong_number: "end",
  qr_expired: "end",
  // Without what the browser makes anew there may be room again.
  profile_too_large: "end",
  // The login is intact and the runner could not bring a page back: a fresh one on the same profile mends it.
  browser_gone: "replace",
  page_crashed: "replace",
  page_hung: "replace",
  out_of_memory: "replace",
  memory_high: "replace",
  start_timeout: "replace",
  connect_timeout: "replace",
  start_failed: "replace",
  // An older database was put back; the next runner's number is above the one that was found.
  superseded: "replace",
  stale_claim: "replace",
};

/** A runner that says `connecting` mends it itself, whatever the reason. */
export const fateOf = (status: SessionStatus, reason: SessionReason | null): RunnerFate =>
  (status !== "connecting" && reason !== null && FATE[reason]) || "keep";
