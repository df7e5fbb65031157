import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, lstatSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { statusEvents } from "../support/events.ts";
import { processesWith } from "../support/processes.ts";
import { loginIsOnDisk, profileDir, runnerPid } from "../support/runner.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";

const ACCOUNTS = { a: "6281234567800", b: "6281234567801" } as const;
type SessionId = keyof typeof ACCOUNTS;
const ALL = Object.keys(ACCOUNTS) as SessionId[];
const FRIEND = "6281200000001";
/** Whom all browsers were run as, before each session had a user of its own. */
const NOBODY = "65534:65534";

describe.runIf(process.getuid?.() === 0)("an engine that is root, with child processes", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process");
    for (const id of ALL) await linkSession(stage.engine, stage.simulator, id, ACCOUNTS[id]);
    for (const id of ALL) await loginIsOnDisk(stage.engine, id);
  });
  afterAll(() => stage.close());

  const userOf = (id: SessionId) => lstatSync(profileDir(stage.engine, id)).uid;
  const usersOfProcesses = (id: SessionId) => {
    const pids = [
      runnerPid(stage.engine, id),
      ...processesWith(`--user-data-dir=${profileDir(stage.engine, id)}/`),
    ];
    expect(pids.length).toBeGreaterThan(1);
    const status = execFileSync(
      "cat",
      pids.map((pid) => `/proc/${pid}/status`),
      { encoding: "utf8" },
    );
    return new Set([...status.matchAll(/^(?:[UG]id:\t|Groups:\s\d).*$/gm)].map(([line]) => line));
  };
  /** What a user can read or write of all that the engine keeps, by its path. */
  const openTo = (uid: number): string[] => {
    const input = execFileSync("find", [stage.engine.dataDir, "!", "-type", "l"]);
    const look =
      'while IFS= read -r path; do if [ -r "$path" ] || [ -w "$path" ]; then echo "$path"; fi; done';
    const found = execFileSync("sh", ["-c", look], { uid, gid: uid, input, encoding: "utf8" });
    return found.split("\n").filter((line) => line !== "");
  };

  it("runs each session as a user of its own, who reads and writes nothing but its own profile", () => {
    expect(userOf("a")).not.toBe(userOf("b"));
    for (const id of ALL) {
      const uid = userOf(id);
      const four = [uid, uid, uid, uid].join("\t");
      expect(usersOfProcesses(id)).toEqual(new Set([`Uid:\t${four}`, `Gid:\t${four}`]));
      const own = profileDir(stage.engine, id);
      const open = openTo(uid);
      expect(open).toContain(join(own, "journal.ndjson"));
      expect(open.filter((path) => path !== own && !path.startsWith(`${own}/`))).toEqual([]);
    }
  });

  it("takes over the profiles of an engine of before, logins kept", async () => {
    const { engine, simulator } = stage;
    await engine.kill("SIGTERM");
    for (const id of ALL) {
      const dir = profileDir(engine, id);
      execFileSync("chown", ["--recursive", "0:0", dir]);
      execFileSync("chown", ["--recursive", NOBODY, join(dir, "browser/session"), join(dir, "outgoing")]);
      execFileSync("chown", [NOBODY, join(dir, "browser")]);
      chmodSync(dir, 0o711);
    }
    await engine.restart();
    for (const id of ALL) {
      await waitForStatus(engine, id, "connected");
      expect(statusEvents(engine, id).filter(({ status }) => status === "qr_ready")).toHaveLength(1);
      const files = execFileSync("find", [profileDir(engine, id), "!", "-uid", String(userOf(id))], {
        encoding: "utf8",
      });
      expect(files).toBe("");
      const answer = await engine.api(`POST /sessions/${id}/send`, { to: FRIEND, message: "after it" });
      expect(answer.status, answer.text).toBe(200);
      expect(await takenBy(simulator, ACCOUNTS[id], FRIEND)).toHaveLength(1);
    }
  });

  it("waits for a runner that an engine of before recorded in the profile", async () => {
    const { engine } = stage;
    await engine.kill("SIGKILL");
    const dir = profileDir(engine, "a");
    renameSync(join(engine.dataDir, "runners", dir.split("/").at(-1)!), join(dir, "runner.pid"));
    chownSync(dir, 0, 0);
    await engine.restart();
    await waitForStatus(engine, "a", "connected");
    expect(processesWith(`RUNNER_PROFILE_DIR=${dir}`)).toHaveLength(1);
    expect(statusEvents(engine, "a").filter(({ status }) => status === "qr_ready")).toHaveLength(1);
  });
});
