import { copyFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { containerOf, docker, startedAt } from "../support/docker.ts";
import type { Engine } from "../support/engine.ts";
import { statusEvents } from "../support/events.ts";
import { LINKED, claimFile, plantProfile, profilesOf, volumeName } from "../support/profiles.ts";
import { loginIsOnDisk } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNTS = { a: "6281234567800", b: "6281234567801", c: "6281234567802" } as const;
const FRIEND = "6281200000001";
const OTHER_INSTALL = "0123456789ab";

const DATABASE = "engine.sqlite";

function removeDatabase({ dataDir }: Engine): void {
  for (const name of readdirSync(dataDir).filter((file) => file.startsWith(DATABASE)))
    rmSync(join(dataDir, name));
}

/** The profiles say whose they are: what the database forgot is found again, and nothing is deleted on a guess. */
onEachRuntime("a lost database", (runtime) => {
  let stage: Stage;
  let engine: Engine;
  beforeAll(async () => {
    stage = await startStage(runtime);
    ({ engine } = stage);
    for (const [sessionId, account] of Object.entries(ACCOUNTS)) {
      await linkSession(engine, stage.simulator, sessionId, account);
      await loginIsOnDisk(engine, sessionId);
    }
    await engine.api("POST /sessions/c/stop");
  });
  afterAll(() => stage.close());

  const containers = async () =>
    runtime === "docker"
      ? Promise.all(["a", "b"].map(async (id) => startedAt(await containerOf(engine.installId, id))))
      : [];
  const profileOf = (sessionId: string) =>
    String(query(engine.dataDir, "select id from profiles where session_id = ?", sessionId)[0]?.["id"]);
  const sessionsOf = async () => (await engine.api("GET /sessions")).body.sessions ?? [];
  async function sends(sessionId: keyof typeof ACCOUNTS, message: string) {
    const answer = await engine.api(`POST /sessions/${sessionId}/send`, { to: FRIEND, message });
    expect(answer.status, answer.text).toBe(200);
    const taken = await takenBy(stage.simulator, ACCOUNTS[sessionId], FRIEND);
    expect(taken.filter(({ body }) => body === message)).toHaveLength(1);
  }
  async function isBackWithoutCode(sessionId: keyof typeof ACCOUNTS) {
    const now = await waitForStatus(engine, sessionId, "connected");
    expect(now.phoneNumber).toBe(ACCOUNTS[sessionId]);
    const seen = statusEvents(engine, sessionId).map(({ status }) => status);
    expect(seen).not.toContain("qr_ready");
    expect(seen).not.toContain("auth_failed");
  }

  it("removed: every session is there again, as it was, and works without a scan", async () => {
    await sends("a", "before the loss");
    await stage.simulator.control.deliver(ACCOUNTS.a, { from: FRIEND, body: "came before the loss" });
    await until("the message to be told", () => receivedBy("a").includes("came before the loss"));
    const before = { sessions: await sessionsOf(), containers: await containers() };
    const profile = profileOf("a");
    const foreign =
      runtime === "docker" ? await foreignProfile(claimFile("theirs", "2026-01-01T00:00:00.000Z")) : null;

    await engine.kill("SIGKILL");
    removeDatabase(engine);
    const restarted = engine.restart({ PORT: new URL(engine.url).port });
    // An application that asks for its session at once gets the one there was, not a new one of its name.
    const answer = await until("a call for the session to be answered", async () => {
      const created = await engine.api("POST /sessions/create", { sessionId: "a" }).catch(() => undefined);
      return created && created.status !== 503 && created;
    });
    expect(answer.status).toBe(200);
    await restarted;

    await Promise.all([isBackWithoutCode("a"), isBackWithoutCode("b")]);
    const after = await sessionsOf();
    const made = ({ sessionId, createdAt }: { sessionId: string; createdAt: string }) => [
      sessionId,
      createdAt,
    ];
    expect(after.map(made)).toEqual(before.sessions.map(made));
    expect(after.find(({ sessionId }) => sessionId === "c")).toMatchObject({
      status: "disconnected",
      reason: "stopped",
    });
    expect(profileOf("a")).toBe(profile);
    expect(await containers()).toEqual(before.containers);
    await Promise.all([sends("a", "a after the loss"), sends("b", "b after the loss")]);
    // The journal tells again what it told to the database of before.
    await until("what came before the loss to be told again", () =>
      receivedBy("a").includes("came before the loss"),
    );
    expect(receivedBy("a").filter((body) => body === "came before the loss")).toHaveLength(1);

    expect((await engine.api("POST /sessions/c/start")).status).toBe(200);
    await isBackWithoutCode("c");
    await sends("c", "c after the loss");
    await engine.api("POST /sessions/c/stop");
    if (foreign !== null) {
      expect(await docker("volume", "ls", "--quiet")).toContain(volumeName(foreign));
      await docker("volume", "rm", volumeName(foreign));
    }
  });

  it("an older copy put back: what was made since is found, and what runs goes on", async () => {
    const old = join(engine.dataDir, "..", "older.sqlite");
    await engine.kill("SIGTERM");
    copyFileSync(join(engine.dataDir, DATABASE), old);
    await engine.restart();
    await waitForStatus(engine, "a", "connected");
    expect((await engine.api("POST /sessions/a/restart")).status).toBe(200);
    await linkSession(engine, stage.simulator, "later", "6281234567809");
    await Promise.all([waitForStatus(engine, "a", "connected"), waitForStatus(engine, "b", "connected")]);
    await loginIsOnDisk(engine, "later");
    await sends("a", "after the copy");
    const before = await containers();

    await engine.kill("SIGKILL");
    removeDatabase(engine);
    copyFileSync(old, join(engine.dataDir, DATABASE));
    await engine.restart();

    await Promise.all(["a", "b", "later"].map((sessionId) => waitForStatus(engine, sessionId, "connected")));
    expect(await containers()).toEqual(before);
    expect(statusEvents(engine, "later").map(({ status }) => status)).not.toContain("qr_ready");
    await sends("a", "after the older copy");
    expect((await engine.api("DELETE /sessions/later")).status).toBe(200);
  });

  it("two profiles that say they serve one session: the newest is its own, all others are kept", async () => {
    const now = Date.now();
    const older = await plantProfile(engine, { ...claimFile("a", "2020-01-01T00:00:00.000Z"), ...LINKED });
    const first = await plantProfile(engine, {
      ...claimFile("x", new Date(now - 60_000).toISOString()),
      ...LINKED,
    });
    const newest = await plantProfile(engine, { ...claimFile("x", new Date(now).toISOString()), ...LINKED });
    const unclaimed = await plantProfile(engine, LINKED);
    const damaged = await plantProfile(engine, { "claim.json": "{" });
    const never = await plantProfile(engine, {});
    const unreadable = runtime === "process" ? await plantProfile(engine, { browser: "no folder" }) : null;
    const own = profileOf("a");
    await engine.kill("SIGKILL");
    removeDatabase(engine);
    await engine.restart();

    await isBackWithoutCode("a");
    expect(profileOf("a")).toBe(own);
    expect(profileOf("x")).toBe(newest);
    expect(await profilesOf(engine)).toEqual(
      expect.arrayContaining([older, first, newest, unclaimed, damaged, never]),
    );
    const said = engine.output();
    for (const [profileId, why] of [
      [older, "serves session 'a', which has another profile"],
      [first, "serves session 'x', which has another profile"],
      [unclaimed, "has a login, and no note"],
      [damaged, "cannot be read"],
      ...(unreadable === null ? [] : [[unreadable, "could not be read"]]),
    ] as const)
      expect(said).toMatch(new RegExp(`"profileId":"${profileId}","why":"[^"]*${why}`));
    expect(said).not.toMatch(new RegExp(`"profileId":"${never}"`));
    // With the session goes its own profile. None of the others takes its place.
    expect((await engine.api("DELETE /sessions/x")).status).toBe(200);
    expect(await profilesOf(engine)).toContain(first);
    expect(await profilesOf(engine)).not.toContain(newest);
    expect((await engine.api("GET /sessions/x/status")).status).toBe(404);
  });

  /** A profile of another installation, with what would make a session of it here. */
  const foreignProfile = (files: Record<string, string>) => plantProfile(engine, files, OTHER_INSTALL);

  const receivedBy = (sessionId: string) =>
    query(
      engine.dataDir,
      "select json_extract(data, '$.body') as body from events where session_id = ? and type = 'message.received'",
      sessionId,
    ).map(({ body }) => String(body));
});
