import type { RuntimeEvent } from "../runner-host.ts";

type Address = { host: string; port: number };

/**
 * What the engine's events have told: which runners ended, some 70 ms before the engine's lists show it, and whose
 * addresses, once asked for, still hold.
 */
export type News = {
  note(event: RuntimeEvent): void;
  /** Whether the runner has ended, though a list may still say that it runs. */
  ended(runnerId: string): boolean;
  address(runnerId: string): Address | undefined;
  /** A number that changes with every event: what was asked before one may no longer hold after it. */
  readonly edition: number;
  /** Keeps an address that was asked for at that edition, if events would tell of its end. */
  keep(runnerId: string, address: Address, edition: number): void;
  /** The runner was started, or removed, by a call that has succeeded. */
  forget(runnerId: string): void;
};

export const createNews = (): News => {
  const addresses = new Map<string, Address>();
  const ended = new Set<string>();
  let edition = 0;
  let listening = false;
  const forget = (runnerId: string) => {
    edition += 1;
    ended.delete(runnerId);
    addresses.delete(runnerId);
  };
  return {
    note(event) {
      switch (event.type) {
        case "relist":
        case "unavailable":
          edition += 1;
          listening = event.type === "relist";
          addresses.clear();
          return;
        case "started":
          return forget(event.runnerId);
        case "exited":
          forget(event.runnerId);
          ended.add(event.runnerId);
          return;
        case "out_of_memory":
          return;
      }
    },
    ended: (runnerId) => ended.has(runnerId),
    address: (runnerId) => addresses.get(runnerId),
    get edition() {
      return edition;
    },
    keep(runnerId, address, asked) {
      if (listening && asked === edition) addresses.set(runnerId, address);
    },
    forget,
  };
};
