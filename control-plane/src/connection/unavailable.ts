import { errors } from "undici";
import { AppError } from "@whatsapp-engine/contract/api";
import type { Superseded } from "@whatsapp-engine/contract/runner";

/**
 * A call to a runner that failed. `neverArrived`: proven that not a byte of it reached the runner; `answered`: the runner is
 * there, and its answer was of no use.
 */
export class RunnerUnavailable extends AppError {
  readonly neverArrived: boolean;
  readonly answered: boolean;

  constructor(cause: unknown, { answered = false } = {}) {
    super("runner_unavailable", "The session's runner does not answer; try again in a moment.", {
      cause,
      retryAfterSeconds: 2,
    });
    this.answered = answered;
    const code = (cause as { code?: unknown }).code;
    this.neverArrived =
      code === "ECONNREFUSED" || code === "EHOSTUNREACH" || cause instanceof errors.ConnectTimeoutError;
  }
}

/** A runner that may not touch its profile, as that has a newer one. */
export class RunnerSuperseded extends RunnerUnavailable {
  readonly newerGeneration: number;

  constructor({ newerGeneration }: Superseded) {
    super(new Error(`runner number ${newerGeneration} of the profile is newer`), { answered: true });
    this.newerGeneration = newerGeneration;
  }
}

/** The runner is there, and its answer says nothing that can be used. */
export const useless = (what: string, cause?: unknown) =>
  new RunnerUnavailable(new Error(what, { cause }), { answered: true });
