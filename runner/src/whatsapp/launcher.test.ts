import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { endOnProfiles, findOnProfiles } from "@whatsapp-engine/processes";
import { afterEach, expect, test } from "vitest";
import { RUNNER_UID } from "../test-support/run-runner.ts";
import { makeWorld, type World } from "../test-support/world.ts";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/lib/chromium/chromium-headless-shell";

let world: World;
afterEach(async () => {
  await endOnProfiles([place()]);
  await world.end();
});

const place = () => {
  const userDataDir = join(world.profileDir, "browser", "session");
  return { folder: userDataDir, userDataDir };
};

/** A launcher, as distributions and operators have them. */
const launcherOf = async (script: string): Promise<string> => {
  const path = join(world.profileDir, "launcher");
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
};

const browsers = async (): Promise<number[]> => (await findOnProfiles([place()]))[0]!.pids;

test.each([
  // As Debian's `/usr/bin/chromium-headless-shell` is: the browser is the script's child, not the runner's.
  ["waits for it", `${CHROMIUM} "$@"`],
  // `--version` is answered as ever.
  [
    "leaves it behind in a session of its own",
    `[ "$1" = --version ] && exec ${CHROMIUM} "$1"\nsetsid ${CHROMIUM} "$@" &`,
  ],
])(
  "a runner is killed whose launcher %s: the next one ends that browser, and shows no code",
  async (_how, script) => {
    world = await makeWorld();
    const env = { RUNNER_CHROMIUM_PATH: await launcherOf(script) };
    await (await world.link(undefined, env)).stop();
    expect(await browsers()).toEqual([]);
    const first = await world.start(env);
    await first.state(({ status }) => status === "connected");
    await first.kill();
    const left = await browsers();
    expect(left).not.toEqual([]);
    const second = await world.start(env);
    await second.state(({ status }) => status === "connected");
    expect(second.states.some(({ qr }) => qr !== null)).toBe(false);
    expect((await browsers()).filter((pid) => left.includes(pid))).toEqual([]);
    await second.stop();
    expect(await browsers()).toEqual([]);
  },
);

test("a browser that a person started on the profile is ended before another is started on it", async () => {
  world = await makeWorld();
  await (await world.link()).stop();
  const user = process.getuid?.() === 0 ? { uid: RUNNER_UID, gid: RUNNER_UID } : {};
  const folder = `${world.profileDir}//browser/./session/`;
  const byHand = spawn(CHROMIUM, [`--user-data-dir=${folder}`, "--headless", "--remote-debugging-port=0"], {
    ...user,
    env: { HOME: "/tmp" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(byHand, "exit");
  await once(byHand.stderr, "data");
  const runner = await world.start();
  await runner.state(({ status }) => status === "connected");
  await ended;
  expect(runner.states.some(({ qr }) => qr !== null)).toBe(false);
});
