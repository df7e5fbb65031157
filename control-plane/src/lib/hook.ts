/** Any function. */
type Call = (...args: never[]) => unknown;

/** A call from a lower room into a higher one. It is made first, and connected when who answers it exists. */
export type Hook<C extends Call> = {
  /** Throws while nobody is connected. */
  readonly call: C;
  /** Throws where somebody is connected already. */
  connect(answer: C): void;
};

export function createHook<C extends Call>(name: string): Hook<C> {
  let connected: C | undefined;
  const call = ((...args: Parameters<C>) => {
    if (connected === undefined) throw new Error(`Nobody answers '${name}' yet.`);
    return connected(...args);
  }) as C;
  return {
    call,
    connect(answer) {
      if (connected !== undefined) throw new Error(`Somebody answers '${name}' already.`);
      connected = answer;
    },
  };
}
