import type { UnlinkOutcome } from "@whatsapp-engine/contract/api";
import type { SessionRow } from "./store.ts";
import type { WarmRunnerRow } from "./warm-store.ts";

/*
 * What the verbs of a session ask of the rooms above: what keeps runners running, sleep, and logins.
 */

/** Makes what runs into what is wanted. Throws `runtime_unavailable`. */
type Reconciling = {
  /** Throws where a pass would come to nothing now: asked before anything is changed for one. */
  reachable(): Promise<void>;
  /** One pass; the caller holds the session's lock. */
  reconcile(sessionId: string): Promise<void>;
  /** A pass soon, in the background. */
  request(sessionId: string): void;
};

/** Whether there is room for one session more. */
type Admitting = {
  /** Throws `capacity_exceeded`. `takesOver`: it has a runner that is there already. */
  check(options?: { takesOver?: boolean }): void;
};

/** Runners that were started for sessions to come. */
type WarmPool = {
  hasReady(): boolean;
  /** Makes a session by `make`, on one that is ready, or on null. */
  claim<T>(sessionId: string, make: (warm: WarmRunnerRow | null) => T): T;
};

export type SessionHooks = {
  reconciler: Reconciling;
  admission: Admitting;
  warmRunners: WarmPool;
  /** Unlinks its account, whether it has a runner or not. */
  logOut: (session: SessionRow) => Promise<UnlinkOutcome>;
  /** Whether a message of the session is under way, in line, or soon will be; `now` in milliseconds since 1970. */
  isNeeded: (sessionId: string, now: number) => boolean;
  /** The only version of WhatsApp Web that it may open; null: any. */
  pinOf: (session: Pick<SessionRow, "whatsappVersionPin">) => string | null;
};
