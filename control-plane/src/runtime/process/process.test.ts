import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { aRunner, conformance } from "../test-support/conformance.ts";
import { findChromium } from "./chromium.ts";
import { groupEnded } from "./group.ts";
import { checkCanEnter } from "./profile-folders.ts";
import { createProcessRuntime } from "./process.ts";
import type { ProfileStore } from "../profile-store.ts";
import type { RunnerHost } from "../runner-host.ts";
import type { Runtime } from "../runtime.ts";
import { callStub } from "../test-support/stub-client.ts";
import { watching } from "../test-support/watching.ts";
import { runnerSettings } from "../test-support/runner-settings.ts";

const UIDS = { first: 1_900_000_000, last: 1_999_999_999 };

const options = {
  runnerEntry: join(import.meta.dirname, "../test-support/stub-runner.mjs"),
  // Any executable will do: the stub starts no browser.
  chromiumPath: process.execPath,
  runner: runnerSettings,
  uids: UIDS,
  environment: { PATH: process.env["PATH"], API_KEY: "secret" },
  log: pino({ level: "silent" }),
};

const aDataFolder = async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "process-runtime-"));
  await chmod(dataDir, 0o711);
  return dataDir;
};

const emptyTar = () => Readable.from([Buffer.alloc(1024)]);
const drained = (tar: Readable) =>
  pipeline(tar, new Writable({ write: (_chunk, _encoding, done) => done() }));

/** Whether it does more than wait for init to take note of its end. */
const runs = async (pid: number) =>
  /^State:\s+[^ZX]/m.test(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""));

conformance("The process runtime", async () => {
  const folders = await Promise.all([aDataFolder(), aDataFolder()]);
  const [runtime, other] = folders.map((dataDir) => createProcessRuntime({ ...options, dataDir })) as [
    Runtime,
    Runtime,
  ];
  return {
    runtime,
    other,
    async dispose() {
      await Promise.all([runtime.host.close(), other.host.close()]);
      await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
    },
  };
});

describe("The process runtime", () => {
  let dataDir: string;
  let host: RunnerHost;
  let profiles: ProfileStore;
  beforeEach(async () => {
    dataDir = await aDataFolder();
    ({ host, profiles } = createProcessRuntime({ ...options, dataDir }));
    await host.prepare();
  });
  afterEach(async () => {
    await host.close();
    await rm(dataDir, { recursive: true });
  });

  test("a runner sees none of the engine's own settings", async () => {
    const spec = aRunner();
    await host.ensure(spec);
    const { environment } = (await callStub(host, spec.runnerId, "/health")) as { environment: string[] };
    expect(environment.filter((name) => !name.startsWith("RUNNER_"))).toEqual(["PATH"]);
  });

  test("what a runner started ends with it, however it ends", async () => {
    const spec = aRunner();
    await host.ensure(spec);
    const { pid } = (await callStub(host, spec.runnerId, "/spawn")) as { pid: number };
    expect(await runs(pid)).toBe(true);
    await host.remove(spec.runnerId, { graceSeconds: 5 });
    expect(await runs(pid)).toBe(false);
  });

  test("closing ends every child and refuses new ones; closing twice is fine", async () => {
    const spec = aRunner();
    await host.ensure(spec);
    await Promise.all([host.close(), host.close()]);
    expect(await host.list()).toEqual([]);
    await expect(host.ensure(spec)).rejects.toMatchObject({ code: "shutting_down" });
  });

  test("a runner whose program fails at once is an unavailable runner, not a waiting one", async () => {
    const broken = createProcessRuntime({
      ...options,
      dataDir,
      runnerEntry: join(dataDir, "missing.js"),
    }).host;
    const spec = aRunner();
    await broken.ensure(spec);
    await expect(broken.endpoint(spec.runnerId)).rejects.toMatchObject({ code: "runner_unavailable" });
    await broken.close();
  });

  test("children end with a control plane that is killed, and the next one waits for those that linger", async () => {
    const program = `
      import { createProcessRuntime } from ${JSON.stringify(join(import.meta.dirname, "../../../dist/runtime/process/process.js"))};
      const log = { debug() {}, info() {}, warn() {}, error() {} };
      const { host } = createProcessRuntime({ ...${JSON.stringify({ ...options, log: undefined, dataDir })}, log });
      await host.prepare();
      await host.ensure({ runnerId: "r1", profileId: "p1", generation: 1, sessionId: "s1", token: "token-of-a-stub-runner", expectsLogin: false, whatsappVersion: null });
      await host.endpoint("r1");
      console.log((await host.list())[0].liveness);
    `;
    const engine = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = (await once(engine.stdout, "data")) as [Buffer];
    expect(said.toString()).toBe("alive\n");
    const { stdout } = await promisify(execFile)("pgrep", ["--parent", String(engine.pid)]);
    engine.kill("SIGKILL");
    expect(await groupEnded(Number(stdout), 5000)).toBe(true);
    await host.prepare();
  });

  describe("something else on the profile of a runner that is gone, such as its browser", () => {
    let spec: ReturnType<typeof aRunner>;
    let stranger: ChildProcess;
    const isThere = () => runs(stranger.pid!);
    beforeEach(async () => {
      spec = aRunner();
      await host.ensure(spec);
      await callStub(host, spec.runnerId, "/note?text=kept");
    });
    afterEach(() => void stranger.kill("SIGKILL"));
    const startStranger = async ({ again = false } = {}) => {
      const userDataDir = join(dataDir, "profiles", spec.profileId, "browser/session");
      const browser = [
        "--eval",
        "console.log(); setInterval(() => {}, 1000)",
        "--",
        `--user-data-dir=${userDataDir}`,
      ];
      const keeper = `
        const { spawn } = require("node:child_process");
        let child;
        const again = () => (child = spawn(process.execPath, ${JSON.stringify(browser)}, { stdio: "inherit" }).once("exit", again));
        again();
        process.on("exit", () => child.kill("SIGKILL"));
        process.on("SIGTERM", () => process.exit());`;
      stranger = spawn(process.execPath, again ? ["--eval", keeper] : browser, {
        detached: true,
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(stranger.stdout!, "data");
    };
    const GRACE = { graceSeconds: 5 };

    test("ends with it", async () => {
      await startStranger();
      await host.remove(spec.runnerId, GRACE);
      expect(await isThere()).toBe(false);
    });

    test("ends with a runner that is killed", async () => {
      await startStranger();
      const watch = watching(host);
      await callStub(host, spec.runnerId, "/exit?code=1");
      await watch.event("exited", { runnerId: spec.runnerId });
      expect(await isThere()).toBe(false);
      watch.stop();
    });

    test.each([
      ["another runner is started", () => host.ensure(aRunner(spec.profileId))],
      ["the profile is removed", () => profiles.remove(spec.profileId)],
      ["the profile is copied", () => drained(profiles.read(spec.profileId))],
      ["the profile is written", () => profiles.write(spec.profileId, emptyTar())],
      ["a control plane begins", () => host.prepare()],
    ])("ends before %s", async (_what, work) => {
      await host.remove(spec.runnerId, GRACE);
      await startStranger();
      await work();
      expect(await isThere()).toBe(false);
    });

    test("comes again and again: nothing is started, copied, written or removed, and what to do is said", async () => {
      await host.remove(spec.runnerId, GRACE);
      await startStranger({ again: true });
      const wanted = {
        code: "runner_unavailable",
        message: expect.stringMatching(/^Process \d+ is on .* End it/),
      };
      await host.prepare();
      await expect(host.ensure(aRunner(spec.profileId))).rejects.toMatchObject(wanted);
      await expect(profiles.remove(spec.profileId)).rejects.toMatchObject(wanted);
      await expect(drained(profiles.read(spec.profileId))).rejects.toMatchObject(wanted);
      await expect(profiles.write(spec.profileId, emptyTar())).rejects.toMatchObject(wanted);
      stranger.kill("SIGTERM");
      await once(stranger, "exit");
      const next = aRunner(spec.profileId);
      await host.ensure(next);
      expect(await callStub(host, next.runnerId, "/note")).toEqual({ note: "kept" });
    });
  });

  test("a process that was given the number of a runner of before is let be", async () => {
    const spec = aRunner();
    await host.ensure(spec);
    await host.remove(spec.runnerId, { graceSeconds: 5 });
    const stranger = spawn(process.execPath, ["--eval", "setInterval(() => {}, 1000)"], { detached: true });
    try {
      const owner = `${stranger.pid} 1`; // another start time than its own
      await writeFile(join(dataDir, "runners", spec.profileId), owner);
      await host.prepare();
      expect(await runs(stranger.pid!)).toBe(true);
    } finally {
      stranger.kill("SIGKILL");
    }
  });

  test("a profile is never looked for outside of the data folder", async () => {
    const outside = join(dataDir, "outside");
    await mkdir(outside);
    for (const id of ["../outside", "", ".", "..", outside])
      await expect((async () => profiles.remove(id))()).rejects.toThrow("A profile id is");
    expect((await stat(outside)).isDirectory()).toBe(true);
  });

  test("a Chromium that is missing, or cannot be executed, is one sentence", async () => {
    await expect(findChromium("/missing/chromium", "/usr/bin")).rejects.toThrow(
      "CHROMIUM_PATH /missing/chromium is not an executable file.",
    );
    expect(await findChromium(process.execPath, "")).toBe(process.execPath);
  });

  test("a folder on the way that Chromium's user cannot enter is named", async () => {
    const closed = join(dataDir, "closed");
    await mkdir(join(closed, "data"), { recursive: true });
    await chmod(closed, 0o700);
    await expect(checkCanEnter(join(closed, "data"), UIDS.first)).rejects.toThrow(closed);
    await chmod(closed, 0o711);
    await checkCanEnter(join(closed, "data"), UIDS.first);
  });
});
