import { digitsOf } from "./directory.ts";

/** What can go wrong with a send. `taken`: whether WhatsApp's server has the message all the same. */
export type Fault =
  /** The library's call answers `undefined`; the message goes out. */
  | { kind: "undefined" }
  /** The library's call throws; where it was not taken, before there was a message. */
  | { kind: "throw"; taken: boolean }
  /** The library's call throws, and how the sending ends is never told. The server does not take the message. */
  | { kind: "strand" }
  /** The library's call never answers. */
  | { kind: "hang"; taken: boolean }
  /** The call answers, but no ack ever comes. */
  | { kind: "silence"; taken: boolean }
  /** The server refuses: ack -1, for the reason that this code names. */
  | { kind: "refuse"; code?: number }
  /** The first ack comes this much later. */
  | { kind: "late"; ackMs: number };

/** The next send, every send, or every send to one number or chat id. */
export type FaultScope = "next" | "all" | { to: string };

export const createFaults = () => {
  let faults: { fault: Fault; scope: FaultScope }[] = [];

  const meets = (scope: FaultScope, recipients: readonly string[]) =>
    typeof scope === "string" ||
    recipients.some(
      (id) => id === scope.to || (!scope.to.includes("@") && digitsOf(id) === digitsOf(scope.to)),
    );

  return {
    add: (fault: Fault, scope: FaultScope) => {
      faults.push({ fault, scope });
    },
    clear: () => {
      faults = [];
    },
    /** The oldest fault that meets this send; one for the next send is used up by it. */
    take: (recipients: readonly string[]): Fault | undefined => {
      const found = faults.find(({ scope }) => meets(scope, recipients));
      if (found?.scope === "next") faults = faults.filter((one) => one !== found);
      return found?.fault;
    },
  };
};
export type Faults = ReturnType<typeof createFaults>;
