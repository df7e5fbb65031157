import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { statusEvents } from "../support/events.ts";
import { loginIsOnDisk } from "../support/runner.ts";
import { linkSession, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";

const MB = 1024 * 1024;
let stage: Stage | undefined;
afterEach(() => stage?.close());

/** A session that is linked, its login on the disk; answers its browser's folder. */
async function link({ engine, simulator }: Stage): Promise<string> {
  await linkSession(engine, simulator, "a", "6281234567890");
  await loginIsOnDisk(engine, "a");
  const [{ id }] = query(engine.dataDir, "select id from profiles") as [{ id: string }];
  return join(engine.dataDir, "profiles", id, "browser/session/Default");
}

function fill(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "filler"), Buffer.alloc(300 * MB, 1));
}
const codesShown = ({ engine }: Stage) =>
  statusEvents(engine, "a").filter(({ status }) => status === "qr_ready").length;

it("stops a session whose login takes more room than it may; with room it is connected again, without a code", async () => {
  stage = await startStage("process", { PROFILE_MAX_MB: "300" });
  const { engine } = stage;
  const folder = await link(stage);
  fill(join(folder, "IndexedDB"));

  const status = await waitForStatus(engine, "a", { status: "disconnected", reason: "profile_too_large" });
  expect(status).toMatchObject({ detail: expect.stringContaining("PROFILE_MAX_MB") });
  expect(query(engine.dataDir, "select desired from sessions")).toEqual([{ desired: "stopped" }]);

  rmSync(join(folder, "IndexedDB/filler"));
  await engine.api("POST /sessions/a/start");
  await waitForStatus(engine, "a", "connected");
  expect(codesShown(stage)).toBe(1);
});

it("goes on with another browser where only what the browser makes anew takes too much", async () => {
  stage = await startStage("process", { PROFILE_MAX_MB: "300" });
  const { engine } = stage;
  const folder = await link(stage);
  fill(join(folder, "Cache"));

  await waitForStatus(engine, "a", { status: "connecting", reason: "profile_too_large" });
  await waitForStatus(engine, "a", "connected");
  expect([existsSync(join(folder, "Cache/filler")), codesShown(stage)]).toEqual([false, 1]);
  expect(statusEvents(engine, "a").map(({ status }) => status)).not.toContain("disconnected");
});
