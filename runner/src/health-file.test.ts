import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, test } from "vitest";
import { keepHealthFile } from "./health-file.ts";
import { createStateHolder } from "./runner-state.ts";

const aState = () =>
  createStateHolder({
    counts: () => ({ lastSeq: 0, unreadLines: 0, unreadAt: null, diskTrouble: null }),
    initial: {
      runnerId: "r1",
      profileId: "p1",
      status: "connecting",
      reason: "starting",
      detail: null,
      qr: null,
      account: null,
      whatsappVersion: null,
      libraryVersion: "1",
      mends: [],
      failedMends: [],
      mendCounts: {},
      newerGeneration: null,
      awaitsPage: null,
    },
  });
const log = pino({ level: "silent" });

test("is there while the account is connected, and not one moment longer", () => {
  const dir = mkdtempSync(join(tmpdir(), "health-"));
  const path = join(dir, "connected");
  const state = aState();
  const stop = keepHealthFile(path, { state, log });
  const seen = (
    [
      "qr_ready",
      "authenticated",
      "connected",
      "connecting",
      "connected",
      "disconnected",
      "connected",
    ] as const
  ).map((status) => {
    state.set({ status });
    return existsSync(path);
  });
  expect(seen).toEqual([false, false, true, false, true, false, true]);
  stop();
  expect(existsSync(path)).toBe(false);
  state.set({ status: "connecting" });
  state.set({ status: "connected" });
  expect(existsSync(path)).toBe(false);
  rmSync(dir, { recursive: true });
});

test("one that cannot be written disturbs nothing", () => {
  const state = aState();
  const stop = keepHealthFile("/proc/none/connected", { state, log });
  state.set({ status: "connected" });
  expect(state.get().status).toBe("connected");
  stop();
});
