import { pino } from "pino";
import type { RunnerState } from "@whatsapp-engine/contract/runner";
import { expect, it } from "vitest";
import { createObserver } from "./observer.ts";
import type { SessionChange, SessionRow, SessionStore } from "../sessions/store.ts";

it("says of a session whose profile's disk takes nothing that it does not, and not after that", () => {
  let row = { id: "s", runnerId: "r", desired: "running", status: "connected", reason: null, detail: null };
  const store = {
    find: () => row as SessionRow,
    transition: (_: SessionRow, change: SessionChange) => (row = { ...row, ...change } as typeof row),
  } as unknown as SessionStore;
  const observe = createObserver({
    store,
    unread: { isRecent: () => false },
    log: pino({ level: "silent" }),
  });
  const state = { runnerId: "r", status: "connected", reason: null, detail: null, account: null };
  const told = (diskTrouble: string | null) =>
    observe.state("s", {
      ...state,
      newerGeneration: null,
      whatsappVersion: null,
      diskTrouble,
    } as RunnerState);

  expect(told("ENOSPC: no space left on device, write")).toBe("keep");
  expect(row).toMatchObject({
    status: "connected",
    reason: null,
    detail: expect.stringMatching(/ENOSPC.*when there is room/),
  });
  told(null);
  expect(row.detail).toBeNull();
});
