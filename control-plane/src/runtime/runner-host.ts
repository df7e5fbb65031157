/**
 * What runs runners. Implementations speak these types only, are idempotent (starting twice and removing what
 * is gone both succeed), and never guess: where the truth cannot be had they throw `runtime_unavailable`
 * (an `AppError`), they never answer "gone".
 */
export type RunnerHost = {
  readonly kind: "docker" | "process";

  /** Once at start: makes what all runners share (network) and checks what they need (image, browser, sandbox).
   *  Throws an `OperatorError` (contract) with one clear sentence for what the operator must mend, `runtime_unavailable` if the engine does not answer. */
  prepare(): Promise<void>;

  /** Resolves if the runtime answers. Throws `runtime_unavailable`. */
  ping(): Promise<void>;

  /** Resolves if a runner could be started. Throws `runtime_unavailable`. */
  check(): Promise<void>;

  /** Starts the runner on its profile (made if missing), or does nothing if this runner id runs already. */
  ensure(spec: RunnerSpec): Promise<void>;

  /**
   * Names a runner that was started for no session after the one that has it now, where people read names. One that is
   * gone is none to name.
   */
  rename(runnerId: string, sessionId: string): Promise<void>;

  /** Ends a runner: SIGTERM, `graceSeconds` to close its browser, then SIGKILL; waits until nothing of it is left. */
  remove(runnerId: string, options: { graceSeconds: number }): Promise<void>;

  /**
   * Removes what this installation's own checks and reads left where they were cut off, once it is older than
   * `olderThanMs`; never a runner or a profile. Returns how many. Throws `runtime_unavailable`.
   */
  removeStrays(olderThanMs: number): Promise<number>;

  /** Every runner of this installation that there is, dead ones too. Throws `runtime_unavailable`. */
  list(): Promise<RunnerInfo[]>;

  /** Runners of other installations on the same engine, which are none of ours to touch. Throws `runtime_unavailable`. */
  listOthers(): Promise<OtherRunner[]>;

  /** Where the runner listens, read from the runtime, never from the database. Throws `runtime_unavailable`, or `runner_unavailable` if it does not run. */
  endpoint(runnerId: string): Promise<{ host: string; port: number }>;

  /**
   * Tells what happens to runners until `signal` aborts. `relist` is told whenever events may have been missed
   * (the first time too): the listener then calls `list()`. Survives the engine's end; reconnects by itself.
   */
  watch(listener: (event: RuntimeEvent) => void, signal: AbortSignal): void;

  /** Lets go. Docker's runners stay up; the process runtime ends its children first. Closing twice is fine. */
  close(): Promise<void>;
};

/** User and group of all that runs in a runner's container. The process runtime has users of its own, and looks at no owners. */
export const RUNNER_UID = 1000;

export type RunnerSpec = {
  runnerId: string;
  profileId: string;
  /** Its number among the profile's runners; a newer one has a higher. */
  generation: number;
  /** Only for names that people read; the runner does not learn it from here. null: none yet. */
  sessionId: string | null;
  token: string;
  /** The account was linked on this profile: without its login the runner says `login_lost` and shows no code. */
  expectsLogin: boolean;
  /** The only version of WhatsApp Web to open, whose document the runner then waits for; null: what WhatsApp serves. */
  whatsappVersion: string | null;
};

export type RunnerInfo = {
  runnerId: string;
  profileId: string;
  liveness: "alive" | "gone";
  /** Whether it still has the name of one that was started for no session, where people read names. */
  hasPoolName: boolean;
  /** ISO 8601 */
  createdAt: string;
};

type OtherRunner = Omit<RunnerInfo, "profileId" | "hasPoolName"> & { installId: string };

export type RuntimeEvent =
  | { type: "relist" }
  | { type: "started"; runnerId: string }
  | { type: "exited"; runnerId: string; exitCode: number | null }
  | { type: "out_of_memory"; runnerId: string }
  /** The runtime stopped answering; nothing is known until the next `relist`. */
  | { type: "unavailable" };
