import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { hostname, release, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { endOnProfiles, findOnProfiles, groupOf, type Place } from "./index.ts";

const isRoot = process.getuid?.() === 0;
/** Before Linux 5.8 all mounts of `/proc` share their options, the machine's own too. */
const mountsOwnProc = isRoot && Number.parseInt(release(), 10) >= 6;
const run = promisify(execFile);

let root: string;
let place: Place;
let started: ChildProcess[];
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "on-profiles-")));
  await chmod(root, 0o755);
  place = { folder: join(root, "p"), userDataDir: join(root, "p/browser/session") };
  await mkdir(place.userDataDir, { recursive: true });
  started = [];
});
afterEach(async () => {
  for (const child of started) child.kill("SIGKILL");
  await rm(root, { recursive: true });
});

/** Node, as a stand-in for a browser. Resolves with the number it prints: its own pid, or that of what it started. */
const start = async (
  code: string,
  args: readonly string[] = [],
  options: { cwd?: string; uid?: number } = {},
) => {
  const child = spawn(process.execPath, ["--eval", code, "--", ...args], {
    ...options,
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(child);
  const [pid] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return Number(pid);
};

const WAIT = "console.log(process.pid); setInterval(() => {}, 1_000);";
const DEAF = `process.on("SIGTERM", () => {}); ${WAIT}`;
const found = async () => (await findOnProfiles([place]))[0]!;
const quick = { graceMs: 200, killMs: 5_000 };

describe("what is on a profile", () => {
  test.each([
    ["as it is", () => [`--user-data-dir=${place.userDataDir}`], undefined],
    ["with one dash", () => [`-user-data-dir=${place.userDataDir}`], undefined],
    ["with slashes to spare", () => [`--user-data-dir=${root}//p/./browser/session//`], undefined],
    ["by a link", () => [`--user-data-dir=${join(root, "link/browser/session")}`], undefined],
    ["from the folder that it stands in", () => ["--user-data-dir=browser/session"], () => place.folder],
    ["for its crash handler", () => [`--database=${join(place.userDataDir, "Crashpad")}`], undefined],
  ] as const)("a command line that names it %s", async (_how, args, cwd) => {
    await symlink("p", join(root, "link"));
    const pid = await start(WAIT, ["--headless", ...args()], cwd ? { cwd: cwd() } : {});
    expect(await found()).toEqual({ pids: [pid], helpers: [], unknown: null });
  });

  test("a file held open for writing, with nothing of it on the command line", async () => {
    const file = JSON.stringify(join(place.userDataDir, "LOCK"));
    const pid = await start(`require("node:fs").openSync(${file}, "a"); ${WAIT}`);
    expect((await found()).pids).toEqual([pid]);
  });

  test("a profile whose folder was moved to another path meanwhile, by the path that it has", async () => {
    const linked = { folder: join(root, "link"), userDataDir: join(root, "link/browser/session") };
    await symlink("p", linked.folder);
    const pid = await start(WAIT, [`--user-data-dir=${place.userDataDir}`]);
    expect((await findOnProfiles([linked]))[0]!.pids).toEqual([pid]);
  });

  test("what those started, whose command lines say nothing", async () => {
    const helper = `require("node:child_process").spawn("sleep", ["1000"]).pid`;
    const pid = await start(`console.log(${helper}); setInterval(() => {}, 1_000);`, [
      `--user-data-dir=${place.userDataDir}`,
    ]);
    expect((await found()).helpers).toEqual([pid]);
    await endOnProfiles([place]);
    expect(groupOf(pid)).toBeUndefined();
  });

  test("nobody who only reads it, stands in it, speaks of it, or is on another", async () => {
    const switchOf = `--user-data-dir=${place.userDataDir}`;
    await start(`require("node:fs").openSync(${JSON.stringify(place.userDataDir)}, "r"); ${WAIT}`, [], {
      cwd: place.userDataDir,
    });
    await start(WAIT, [`look for ${switchOf}`, place.userDataDir, `--other=${place.userDataDir}`]);
    await start(WAIT, [`--user-data-dir=${place.folder}-2/browser/session`]);
    const other = { folder: join(root, "q"), userDataDir: join(root, "q/browser/session") };
    const pid = await start(WAIT, [`--user-data-dir=${other.userDataDir}`]);
    const both = await findOnProfiles([place, other]);
    expect(both.map(({ pids }) => pids)).toEqual([[], [pid]]);
    expect(await endOnProfiles([place])).toBe(0);
    expect(groupOf(pid)).toBeDefined();
  });
});

describe("ending it", () => {
  test("one that left its parent and its group behind, as behind a launcher that is done", async () => {
    const browser = JSON.stringify([
      "--eval",
      "setInterval(() => {}, 1_000)",
      "--",
      `--user-data-dir=${place.userDataDir}`,
    ]);
    const pid = await start(
      `const child = require("node:child_process").spawn(process.execPath, ${browser}, { detached: true, stdio: "ignore" });
       child.unref();
       console.log(child.pid);`,
    );
    expect((await found()).pids).toEqual([pid]);
    expect(await endOnProfiles([place])).toBe(1);
    expect(groupOf(pid)).toBeUndefined();
  });

  test("in order first: it may write what it has", async () => {
    const said = join(root, "said");
    const code = `process.on("SIGTERM", () => { require("node:fs").writeFileSync(${JSON.stringify(said)}, ""); process.exit(); }); ${WAIT}`;
    await start(code, [`--user-data-dir=${place.userDataDir}`]);
    await endOnProfiles([place]);
    await realpath(said);
  });

  test("hard, where it does not heed that", async () => {
    const pid = await start(DEAF, [`--user-data-dir=${place.userDataDir}`]);
    expect(await endOnProfiles([place], quick)).toBe(1);
    expect(groupOf(pid)).toBeUndefined();
  });

  test("what something else starts again and again is said, and nothing is started beside it", async () => {
    const args = JSON.stringify([
      "--eval",
      "setInterval(() => {}, 1_000)",
      "--",
      `--user-data-dir=${place.userDataDir}`,
    ]);
    await start(
      `const { spawn } = require("node:child_process");
       let child;
       const again = () => { child = spawn(process.execPath, ${args}).once("exit", again); };
       again();
       process.on("exit", () => child.kill("SIGKILL"));
       process.on("SIGTERM", () => process.exit());
       console.log(process.pid); setInterval(() => {}, 1_000);`,
    );
    try {
      await expect(endOnProfiles([place], quick)).rejects.toThrow(
        /^Process \d+ is on the session's profile .* again and again/,
      );
    } finally {
      const keeper = started.pop()!;
      keeper.kill("SIGTERM");
      await once(keeper, "exit");
      await endOnProfiles([place], quick);
    }
  });

  test.runIf(isRoot)("another user's is named, and not passed over", async () => {
    const pid = await start(WAIT, [`--user-data-dir=${place.userDataDir}`]);
    await expect(endAs(20_124, [])).rejects.toThrow(
      `Process ${pid} is on the session's profile and could not be ended: it is another user's`,
    );
    expect(groupOf(pid)).toBeDefined();
  });

  test.runIf(mountsOwnProc)(
    "one that is hidden from us and that the lock names forbids the profile",
    async () => {
      const pid = await start(WAIT);
      await symlink(`${hostname()}-${pid}`, join(place.userDataDir, "SingletonLock"));
      expect(await findOnProfiles([place])).toEqual([{ pids: [], helpers: [], unknown: null }]); // seen, and no browser
      const hidden = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount -t proc -o hidepid=2 proc /proc && exec "$@"',
        "sh",
      ];
      await expect(endAs(20_124, hidden)).rejects.toThrow(
        `It cannot be known whether a browser is on the session's profile: process ${pid}`,
      );
      expect(groupOf(pid)).toBeDefined();
      await rm(join(place.userDataDir, "SingletonLock"));
      await symlink(`another-host-${pid}`, join(place.userDataDir, "SingletonLock"));
      await endAs(20_124, hidden);
    },
  );
});

/** What this says to a user who may do less than we. */
const endAs = (uid: number, before: readonly string[]) => {
  const built = pathToFileURL(join(import.meta.dirname, "../dist/index.js")).href;
  const code = `import { endOnProfiles } from ${JSON.stringify(built)}; await endOnProfiles(${JSON.stringify([place])});`;
  const command = [...before, "setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--"];
  return run(command[0]!, [...command.slice(1), process.execPath, "--input-type=module", "--eval", code]);
};
