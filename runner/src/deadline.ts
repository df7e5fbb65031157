/** One timer that can be started again; starting it ends its last run. */
export type Deadline = { start(afterMs: number): void; stop(): void };

export const createDeadline = (expired: () => void): Deadline => {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => clearTimeout(timer);
  return {
    stop,
    start: (afterMs) => {
      stop();
      timer = setTimeout(expired, afterMs);
    },
  };
};

/** What `task` answers, or undefined once `afterMs` have passed. A task that fails, fails. */
export const within = async <T>(afterMs: number, task: Promise<T>): Promise<T | undefined> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, afterMs, undefined);
  });
  try {
    return await Promise.race([task, late]);
  } finally {
    clearTimeout(timer);
  }
};
