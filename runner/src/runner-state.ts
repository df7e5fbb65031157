import type { RunnerState } from "@whatsapp-engine/contract/runner";

/** What changes by itself, and is told with the next change. */
type Counts = "lastSeq" | "unreadLines" | "unreadAt" | "diskTrouble";
type Change = Partial<Omit<RunnerState, "runnerId" | "profileId" | Counts | "since">>;

/** The runner's present state, and who wants to know of each change. */
export type StateHolder = {
  get(): RunnerState;
  set(change: Change): void;
  /** Tells the state that there is, with the counts of now. */
  tell(): void;
  /** Called after each change with the state then; returns the way to stop that. */
  subscribe(listener: (state: RunnerState) => void): () => void;
};

type Deps = { initial: Omit<RunnerState, Counts | "since">; counts: () => Pick<RunnerState, Counts> };

export const createStateHolder = ({ initial, counts }: Deps): StateHolder => {
  let state = { ...initial, since: new Date().toISOString() };
  const listeners = new Set<(state: RunnerState) => void>();
  const get = (): RunnerState => ({ ...state, ...counts() });
  const tell = (): void => {
    const told = get();
    for (const listener of listeners) listener(told);
  };
  return {
    get,
    set: (change) => {
      const next = { ...state, ...change };
      if (JSON.stringify(next) === JSON.stringify(state)) return;
      const moved = next.status !== state.status || next.reason !== state.reason;
      state = moved ? { ...next, since: new Date().toISOString() } : next;
      tell();
    },
    tell,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};
