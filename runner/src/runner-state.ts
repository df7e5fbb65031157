import type { RunnerState } from "@whatsapp-engine/contract";

type Change = Partial<Omit<RunnerState, "runnerId" | "profileId" | "lastSeq" | "since">>;

/** The runner's present state, and who wants to know of each change. */
export type StateHolder = {
  get(): RunnerState;
  set(change: Change): void;
  /** Called after each change with the state then; returns the way to stop that. */
  subscribe(listener: (state: RunnerState) => void): () => void;
};

type Deps = { initial: Omit<RunnerState, "lastSeq" | "since">; lastSeq: () => number };

export const createStateHolder = ({ initial, lastSeq }: Deps): StateHolder => {
  let state = { ...initial, since: new Date().toISOString() };
  const listeners = new Set<(state: RunnerState) => void>();
  const get = (): RunnerState => ({ ...state, lastSeq: lastSeq() });
  return {
    get,
    set: (change) => {
      const next = { ...state, ...change };
      if (JSON.stringify(next) === JSON.stringify(state)) return;
      const moved = next.status !== state.status || next.reason !== state.reason;
      state = moved ? { ...next, since: new Date().toISOString() } : next;
      const told = get();
      for (const listener of listeners) listener(told);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};
