import { pino } from "pino";
import type { RunnerState } from "@whatsapp-engine/contract/runner";
import { expect, it } from "vitest";
import { createObserver } from "./observer.ts";
import type { SessionChange, SessionRow, SessionStore } from "../sessions/index.ts";

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

it("a logout that was asked for stays known where its runner tells of it first, and is forgotten by a connection", () => {
  let row = {
    id: "s",
    runnerId: "r",
    desired: "running",
    status: "connected",
    reason: null,
    unlinkOutcome: "unknown",
  } as unknown as SessionRow;
  const store = {
    find: () => row,
    transition: (_: SessionRow, change: SessionChange) =>
      (row = { ...row, detail: null, unlinkOutcome: null, ...change }),
  } as unknown as SessionStore;
  const observe = createObserver({
    store,
    unread: { isRecent: () => false },
    log: pino({ level: "silent" }),
  });
  const tell = (status: string, reason: string | null) =>
    observe.state("s", {
      runnerId: "r",
      status,
      reason,
      detail: null,
      account: null,
      newerGeneration: null,
      whatsappVersion: null,
      diskTrouble: null,
    } as RunnerState);
  tell("connecting", "reconnecting");
  expect(row.unlinkOutcome).toBe("unknown");
  tell("disconnected", "logged_out");
  expect(row).toMatchObject({ desired: "stopped", reason: "logged_out", unlinkOutcome: "unknown" });
  row = { ...row, desired: "running" };
  tell("connected", null);
  expect(row.unlinkOutcome).toBeNull();
});
