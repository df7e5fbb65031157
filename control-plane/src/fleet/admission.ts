import { AppError } from "@whatsapp-engine/contract/api";

/** What a runner that starts is counted with until its memory shows: 290 MB measured for one, with a page of little history. */
const EXPECTED_RUNNER_MB = 300;
/** When another try makes sense: about what a few starts take. */
const RETRY_SECONDS = 30;

export type AdmissionLimits = {
  /** Sessions that are to run, 0: no limit. */
  maxSessions: number;
  /** What stays free of the machine's memory in MB, 0: all may be used. */
  minFreeMemoryMb: number;
  /** The machine's load (mean of a minute) for each of its processors, 0: no limit. */
  maxLoadPerCpu: number;
};

/** What the machine that the runners are on has; null: not known, as it is another one. */
export type Machine = { freeMemoryMb(): number; loadPerCpu(): number } | null;

export type Admission = ReturnType<typeof createAdmission>;

/** Whether there is room for one more session. */
export function createAdmission(deps: {
  limits: AdmissionLimits;
  machine: Machine;
  /** Sessions that are to run, those that start included. */
  running: () => number;
  /** Sessions that start or wait for it. */
  starting: () => number;
  /** Warm runners. */
  warm: () => { ready: number; starting: number };
  /** Removes so many warm runners. */
  giveUpWarm: (count: number) => void;
}) {
  const { limits, machine } = deps;
  const { maxSessions, minFreeMemoryMb, maxLoadPerCpu } = limits;

  /** In MB, once all that starts has what it takes. */
  const freeMemoryMb = () =>
    machine!.freeMemoryMb() - (deps.starting() + deps.warm().starting) * EXPECTED_RUNNER_MB;
  const isLoaded = () => maxLoadPerCpu > 0 && machine!.loadPerCpu() > maxLoadPerCpu;
  /** How many runners must go before one more has room; 0: it has. */
  const runnersTooMany = () =>
    minFreeMemoryMb === 0
      ? 0
      : Math.max(0, Math.ceil((minFreeMemoryMb - freeMemoryMb()) / EXPECTED_RUNNER_MB) + 1);

  const refuse = (limit: string, message: string) => {
    throw new AppError("capacity_exceeded", message, { extra: { limit }, retryAfterSeconds: RETRY_SECONDS });
  };

  return {
    /**
     * Throws `capacity_exceeded`, naming the limit, where a session more would be too much. Warm runners make room for it.
     * `takesOver`: it will have one of them, which is there already.
     */
    check({ takesOver = false } = {}): void {
      const running = deps.running();
      if (maxSessions > 0 && running >= maxSessions)
        refuse(
          "sessions",
          `${running} sessions run; ${maxSessions} may (MAX_SESSIONS). Stop or delete one first.`,
        );
      if (!machine) return;
      const { ready, starting } = deps.warm();
      const tooMany = takesOver ? 0 : runnersTooMany();
      if (tooMany > ready + starting)
        refuse(
          "memory",
          `${Math.max(0, Math.round(freeMemoryMb()))} MB of memory are left; a session takes about ${EXPECTED_RUNNER_MB}, and ${minFreeMemoryMb} stay free (MIN_FREE_MEMORY_MB).`,
        );
      if (isLoaded())
        refuse(
          "cpu",
          `The machine's load is ${machine.loadPerCpu().toFixed(1)} for each processor; ${maxLoadPerCpu} may be (MAX_LOAD_PER_CPU).`,
        );
      if (tooMany > 0) deps.giveUpWarm(tooMany);
    },

    /** How many more sessions may run. */
    sessionsLeft: (): number => (maxSessions === 0 ? Infinity : Math.max(0, maxSessions - deps.running())),

    /** Whether the machine has room for a warm runner more. */
    hasRoomForWarm: (): boolean => machine === null || (runnersTooMany() === 0 && !isLoaded()),
  };
}
