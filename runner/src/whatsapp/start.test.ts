import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { descendantsOf } from "../test-support/processes.ts";
import { makeProfileDir, runRunner, type RunnerUnderTest } from "../test-support/run-runner.ts";

let runner: RunnerUnderTest | undefined;
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  await runner?.kill();
  for (const task of cleanUp.splice(0)) await task();
});

const start = async (browserArgs: string[], env: Record<string, string>) => {
  const profile = await makeProfileDir();
  cleanUp.push(profile.remove);
  runner = undefined;
  runner = await runRunner({ profileDir: profile.dir, browserArgs, env });
  return runner;
};

test("a page that never loads: start_timeout", async () => {
  // Takes connections and says nothing.
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => silent.close());
  const { port } = silent.address() as { port: number };
  const rules = `--host-resolver-rules=MAP web.whatsapp.com 127.0.0.1:${port}`;
  const { state } = await start([rules], { RUNNER_START_TIMEOUT_SECONDS: "2" });
  const { reason, detail } = await state(({ status }) => status === "disconnected");
  expect(reason).toBe("start_timeout");
  expect(detail).toContain("2 s");
});

test("a network that fails is tried again until the deadline", async () => {
  const rules = "--host-resolver-rules=MAP web.whatsapp.com ~NOTFOUND";
  const { state } = await start([rules], { RUNNER_START_TIMEOUT_SECONDS: "4" });
  const { reason, detail } = await state(({ status }) => status === "disconnected");
  expect(reason).toBe("start_timeout");
  expect(detail).toBe(
    "Neither a QR code nor a login within 4 s; the network failed, last with net::ERR_NAME_NOT_RESOLVED (web.whatsapp.com).",
  );
});

test("no browser: said in one sentence", async () => {
  const { state } = await start([], { RUNNER_CHROMIUM_PATH: "/no/such/chromium" });
  const { reason, detail } = await state(({ status }) => status === "disconnected");
  expect(reason).toBe("start_failed");
  expect(detail).toBe("Chromium cannot be started from /no/such/chromium: there is no such file.");
});

test("a browser that hangs when it is asked for its version: start_timeout, and nothing of it is left", async () => {
  const folder = await makeProfileDir();
  cleanUp.push(folder.remove);
  const hanging = join(folder.dir, "chromium");
  await writeFile(hanging, "#!/bin/sh\nexec sleep 600\n", { mode: 0o755 });
  const { state, process: child } = await start([], {
    RUNNER_CHROMIUM_PATH: hanging,
    RUNNER_START_TIMEOUT_SECONDS: "1",
  });
  const { reason } = await state(({ status }) => status === "disconnected");
  expect(reason).toBe("start_timeout");
  expect(descendantsOf(child.pid!)).toEqual([]);
});

test.runIf(process.getuid?.() === 0)(
  "root without another user for Chromium: said in one sentence",
  async () => {
    const { state } = await start([], { RUNNER_UID: "" });
    const { reason, detail } = await state(({ status }) => status === "disconnected");
    expect(reason).toBe("start_failed");
    expect(detail).toContain("RUNNER_UID");
  },
);

test("bad settings, a port that is taken, a profile that is no folder: a sentence and an exit code", async () => {
  await expect(start([], { RUNNER_PORT: "http" })).rejects.toThrow(/exit code 1: .*RUNNER_PORT/);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => taken.close());
  const { port } = taken.address() as { port: number };
  await expect(start([], { RUNNER_PORT: String(port) })).rejects.toThrow(/exit code 1: .*cannot listen/);
  await expect(start([], { RUNNER_PROFILE_DIR: "/dev/null/profile" })).rejects.toThrow(
    /exit code 1: .*profile/,
  );
});
