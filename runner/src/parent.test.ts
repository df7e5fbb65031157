import { fork } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { RUNNER_BEGIN } from "@whatsapp-engine/contract/runner";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeProfileDir } from "./test-support/run-runner.ts";

const entry = fileURLToPath(new URL("../build/main.js", import.meta.url));

let profile: Awaited<ReturnType<typeof makeProfileDir>>;
beforeEach(async () => void (profile = await makeProfileDir()));
afterEach(() => profile.remove());

const start = (execArgv: readonly string[] = []) =>
  fork(entry, {
    execArgv: [...execArgv],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: {
      PATH: process.env["PATH"],
      RUNNER_ID: "runner-under-test",
      RUNNER_PROFILE_ID: "profile-under-test",
      RUNNER_TOKEN: "token-of-a-runner-under-test",
      RUNNER_PROFILE_DIR: profile.dir,
      RUNNER_PORT: "0",
      RUNNER_CHROMIUM_PATH: "/no/such/chromium",
    },
  });

test("a parent that is gone before it let the runner begin: it ends, and never touched the profile", async () => {
  const child = start();
  child.disconnect();
  expect(await once(child, "exit")).toEqual([0, null]);
  expect(await readdir(profile.dir)).toEqual([]);
});

test("a parent that is gone right after: the runner ends too", async () => {
  const child = start();
  await new Promise((resolve) => child.send(RUNNER_BEGIN, resolve));
  child.disconnect();
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("a runner that is done ends, whatever still waits in it", async () => {
  const child = start(["--import", "data:text/javascript,setInterval(() => {}, 1_000_000)"]);
  await new Promise((resolve) => child.send(RUNNER_BEGIN, resolve));
  await once(child, "message"); // it listens
  child.disconnect();
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("a runner that may not begin yet does not", async () => {
  const child = start();
  child.send("something else");
  expect(await once(child, "exit")).toEqual([0, null]);
  expect(await readdir(profile.dir)).toEqual([]);
});
