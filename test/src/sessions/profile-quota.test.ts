import { existsSync, mkdirSync, writeFileSync } from "node:fs";
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

it("stops a session whose profile takes more room than it may, with its login; started again it is connected", async () => {
  stage = await startStage("process", { PROFILE_MAX_MB: "300" });
  const { engine, simulator } = stage;
  await linkSession(engine, simulator, "a", "6281234567890");
  await loginIsOnDisk(engine, "a");
  const [{ id }] = query(engine.dataDir, "select id from profiles") as [{ id: string }];
  const session = join(engine.dataDir, "profiles", id, "browser/session");
  const cache = join(session, "Default/Cache");
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, "filler"), Buffer.alloc(300 * MB, 1));

  const status = await waitForStatus(engine, "a", { status: "disconnected", reason: "profile_too_large" });
  expect(status).toMatchObject({ detail: expect.stringContaining("PROFILE_MAX_MB") });
  expect(query(engine.dataDir, "select desired from sessions")).toEqual([{ desired: "stopped" }]);
  expect([existsSync(cache), existsSync(join(session, "Default/IndexedDB"))]).toEqual([false, true]);

  await engine.api("POST /sessions/a/start");
  await waitForStatus(engine, "a", "connected");
  expect(statusEvents(engine, "a").filter(({ status }) => status === "qr_ready")).toHaveLength(1);
});
