import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { postForm, PASSPHRASE, restoreBackup, takeBackup } from "../support/backup.ts";
import { query, snapshot } from "../support/database.ts";
import { volumesOf } from "../support/docker.ts";
import { startEngine, type Engine } from "../support/engine.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { runnersOf } from "../support/runner.ts";
import { onDocker, onEachRuntime } from "../support/runtimes.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const OTHER = "6281300000009";
const FRIEND = "6281200000001";

onEachRuntime("backup and restore of a login", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
  });
  afterEach(async () => {
    for (const id of ["s", "t"]) await stage.engine.api(`DELETE /sessions/${id}`);
    expect(await runnersOf(stage.engine)).toEqual([]);
    if (runtime === "docker") expect(await volumesOf(stage.engine.installId)).toEqual([]);
  });
  afterAll(() => stage.close());

  const link = () => linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
  async function send(message: string): Promise<void> {
    const answer = await stage.engine.api("POST /sessions/s/send", { to: FRIEND, message });
    expect(answer.status, answer.text).toBe(200);
  }
  const isTold = (sessionId: string, after: number, body: string) =>
    query(
      stage.engine.dataDir,
      "select 1 from events where session_id = ? and seq > ? and type = 'message.received' and json_extract(data, '$.body') = ?",
      sessionId,
      after,
      body,
    ).length;
  async function receive(body: string): Promise<void> {
    const before = lastSeq(stage.engine, "s");
    await stage.simulator.control.deliver(ACCOUNT, { from: FRIEND, body });
    await until("the message to be told", () => isTold("s", before, body) === 1);
  }

  /** From here on no code was shown, and the session is connected in the end. */
  async function connectsWithoutCode(sessionId: string, after: number) {
    await waitForStatus(stage.engine, sessionId, "connected");
    const seen = statusEvents(stage.engine, sessionId, after).map(({ status }) => status);
    expect(seen).not.toContain("qr_ready");
    expect(seen).not.toContain("auth_failed");
  }

  it("a session that runs is away for a moment, and goes on", async () => {
    await link();
    const before = lastSeq(stage.engine, "s");
    const backup = await takeBackup(stage.engine, "s");
    expect(backup.status, backup.text).toBe(200);
    expect(backup.headers).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": String(backup.bytes.length),
      "content-disposition": expect.stringMatching(/^attachment; filename="s-\d{8}T\d{6}Z\.age"$/),
    });
    expect(backup.text.startsWith("age-encryption.org/v1\n-> scrypt ")).toBe(true);
    for (const secret of [ACCOUNT, "linked"]) expect(backup.bytes.includes(secret)).toBe(false);
    await connectsWithoutCode("s", before);
    expect(statusEvents(stage.engine, "s", before).map(({ reason }) => reason)).toContain("starting");
    expect((await stage.engine.api("GET /sessions/s/status")).body.detail).toBeNull();
    await send("after the backup");
  });

  it("a stopped session stays stopped; its backup replaces what came after, and nothing is told or sent twice", async () => {
    await link();
    await send("one");
    await receive("hello");
    await stage.engine.api("POST /sessions/s/stop");
    const backup = await takeBackup(stage.engine, "s");
    expect(backup.status, backup.text).toBe(200);
    expect((await stage.engine.api("GET /sessions/s/status")).body).toMatchObject({
      status: "disconnected",
      reason: "stopped",
    });
    expect(await runnersOf(stage.engine)).toEqual([]);

    await stage.engine.api("POST /sessions/s/start");
    await waitForStatus(stage.engine, "s", "connected");
    await send("two");
    const cursor = () => Number(query(stage.engine.dataDir, "select cursor from profiles")[0]?.["cursor"]);
    const atBackup = cursor();
    // The journal of the backup does not know of these: its next numbers stand for something else.
    for (let i = 0; i < 10; i += 1) await send(`filler ${i}`);
    await receive("late");
    expect(cursor()).toBeGreaterThan(atBackup + 10);
    await stage.engine.api("POST /sessions/s/stop");
    const [old] = query(stage.engine.dataDir, "select * from profiles");
    const before = lastSeq(stage.engine, "s");
    const answer = await restoreBackup(stage.engine, "s", backup.bytes);
    expect(answer, answer.text).toMatchObject({
      status: 200,
      body: { session: { sessionId: "s", phoneNumber: ACCOUNT } },
    });
    await connectsWithoutCode("s", before);
    expect(query(stage.engine.dataDir, "select * from profiles")[0]?.["id"]).not.toBe(old?.["id"]);
    await send("three");
    // Its journal goes on with numbers that the one before had used up.
    for (const body of ["first", "second", "third"]) await receive(body);
    expect(isTold("s", before, "hello")).toBe(0);
    const taken = (await takenBy(stage.simulator, ACCOUNT, FRIEND)).map(({ body }) => body);
    expect(taken.filter((body) => ["one", "two", "three"].includes(body))).toEqual(["one", "two", "three"]);
  });

  it("a session that is not there is made for it, and is not told again what was told before", async () => {
    await link();
    await receive("hello");
    await stage.engine.api("POST /sessions/s/stop");
    const backup = await takeBackup(stage.engine, "s");
    const before = lastSeq(stage.engine, "t");
    const answer = await restoreBackup(stage.engine, "t", backup.bytes);
    expect(answer, answer.text).toMatchObject({
      status: 201,
      body: { session: { sessionId: "t", phoneNumber: ACCOUNT } },
    });
    await connectsWithoutCode("t", before);
    expect(isTold("t", before, "hello")).toBe(0);
  });

  it("a session that shows a code gets the login instead", async () => {
    await link();
    await stage.engine.api("POST /sessions/s/stop");
    const backup = await takeBackup(stage.engine, "s");
    await stage.engine.api("POST /sessions/create", { sessionId: "t" });
    await waitForStatus(stage.engine, "t", "qr_ready");
    expect((await restoreBackup(stage.engine, "t", backup.bytes)).status).toBe(200);
    await waitForStatus(stage.engine, "t", "connected");
    expect(await runnersOf(stage.engine)).toHaveLength(1);
  });

  it("what is no good is refused, and nothing is changed", async () => {
    await link();
    const { bytes } = await takeBackup(stage.engine, "s");
    await waitForStatus(stage.engine, "s", "connected");
    const restore = async (file: Buffer, passphrase?: string, sessionId = "s") => {
      const { status, body } = await restoreBackup(stage.engine, sessionId, file, passphrase);
      return `${status} ${body.error?.code}`;
    };
    expect(await restore(bytes)).toBe("409 session_running");

    await stage.engine.api("POST /sessions/create", { sessionId: "t", phoneNumber: OTHER });
    await waitForStatus(stage.engine, "t", "qr_ready");
    for (const id of ["s", "t"]) await stage.engine.api(`POST /sessions/${id}/stop`);
    // Rows of runners that are gone may go with any pass.
    const rowsNow = () => ({ ...snapshot(stage.engine.dataDir), runners: [] });
    const rows: ReturnType<typeof snapshot> = rowsNow();
    expect(await restore(bytes, PASSPHRASE, "t")).toBe("409 session_conflict");
    expect(await restore(bytes, "correct horse battery staples")).toBe("422 wrong_passphrase");
    expect(await restore(bytes.subarray(0, -1))).toBe("422 invalid_backup");
    expect(await restore(bytes.subarray(0, 100_000))).toBe("422 invalid_backup");
    expect(await restore(bytes.subarray(0, 40))).toBe("422 invalid_backup");
    expect(await restore(Buffer.from("no backup at all"))).toBe("422 invalid_backup");
    expect(await restore(Buffer.alloc(0))).toBe("422 invalid_backup");
    const changed = Buffer.from(bytes);
    changed[bytes.length - 1000]! ^= 1;
    expect(await restore(changed)).toBe("422 invalid_backup");
    expect(rowsNow()).toEqual(rows);
    const profiles =
      runtime === "docker" ? await volumesOf(stage.engine.installId) : rows["profiles"]!.map(({ id }) => id);
    expect(profiles).toHaveLength(2);
    await stage.engine.api("POST /sessions/s/start");
    await waitForStatus(stage.engine, "s", "connected");
  });

  it("a session without a login has no backup", async () => {
    await stage.engine.api("POST /sessions/create", { sessionId: "s" });
    await waitForStatus(stage.engine, "s", "qr_ready");
    const refused = { status: 409, body: { error: { code: "session_not_linked" } } };
    expect(await takeBackup(stage.engine, "s")).toMatchObject(refused);
    await stage.engine.api("POST /sessions/s/stop");
    expect(await takeBackup(stage.engine, "s")).toMatchObject(refused);
    expect(await takeBackup(stage.engine, "nobody")).toMatchObject({
      status: 404,
      body: { error: { code: "session_not_found" } },
    });
  });

  it("bad calls name the field", async () => {
    const short = await takeBackup(stage.engine, "s", "eleven char");
    expect(short).toMatchObject({
      status: 400,
      body: { error: { code: "invalid_request", details: [{ field: "passphrase" }] } },
    });
    const file = new Blob(["x"]);
    for (const [parts, field] of [
      [{ file }, "passphrase"],
      [{ passphrase: PASSPHRASE }, "file"],
      [{ passphrase: PASSPHRASE, file, more: "x" }, "more"],
      [{ passphrase: PASSPHRASE, backup: file }, "backup"],
    ] as const) {
      const { status, body } = await postForm(stage.engine, "s", parts as Record<string, string | Blob>);
      expect(status).toBe(400);
      expect(body.error?.details.map((detail) => detail.field)).toContain(field);
    }
    expect(
      (await stage.engine.api("POST /sessions/s/restore", { passphrase: PASSPHRASE })).body.error?.code,
    ).toBe("unsupported_media_type");
    expect(
      (
        await stage.engine.api("POST /sessions/s/restore", "cut off", {
          headers: { "Content-Type": "multipart/form-data; boundary=x" },
        })
      ).body.error?.code,
    ).toBe("invalid_form");
  });
});

describe("a backup that is too large", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process", { BACKUP_MAX_MB: "1", LOG_LEVEL: "trace" });
  });
  afterAll(() => stage.close());

  it("is refused, whether it is made or given", async () => {
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "s", ACCOUNT);
    const [profile] = query(engine.dataDir, "select id from profiles");
    const large = join(engine.dataDir, "profiles", String(profile?.["id"]), "browser/session/Default/large");
    writeFileSync(large, Buffer.alloc(1024 * 1024));
    const refused = { status: 413, body: { error: { code: "backup_too_large" } } };
    expect(await takeBackup(engine, "s")).toMatchObject(refused);
    await waitForStatus(engine, "s", "connected");
    await engine.api("POST /sessions/s/stop");
    expect(await restoreBackup(engine, "s", Buffer.alloc(3 * 1024 * 1024))).toMatchObject(refused);
    expect(engine.output()).not.toContain(PASSPHRASE);
  });
});

describe("the log at its most talkative", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process", { LOG_LEVEL: "trace" });
  });
  afterAll(() => stage.close());

  it("holds no passphrase and nothing of a backup, whether it is taken, refused or restored", async () => {
    const { engine, simulator } = stage;
    const wrong = "wrong horse battery staple ✗";
    await linkSession(engine, simulator, "s", ACCOUNT);
    const { status, bytes } = await takeBackup(engine, "s");
    expect(status).toBe(200);
    await waitForStatus(engine, "s", "connected");
    await engine.api("POST /sessions/s/stop");
    const restore = async (file: Buffer, passphrase?: string) =>
      (await restoreBackup(engine, "s", file, passphrase)).status;
    expect(await restore(bytes, wrong)).toBe(422);
    expect(await restore(bytes.subarray(0, -1))).toBe(422);
    const form = { passphrase: wrong, more: PASSPHRASE, file: new Blob([new Uint8Array(bytes)]) };
    expect((await postForm(engine, "s", form)).status).toBe(400);
    expect(await restore(bytes)).toBe(200);
    for (const said of [
      "session backed up",
      "session restored from a backup",
      '"path":"/sessions/s/restore"',
    ])
      await until(`the log to say ${said}`, () => engine.output().includes(said));

    const output = engine.output();
    for (const passphrase of [PASSPHRASE, wrong]) {
      expect(output).not.toContain(passphrase);
      expect(output).not.toContain(Buffer.from(passphrase).toString("base64"));
    }
    // A piece of the file, as a logger may write bytes: whatever chunk it is from, its line is long.
    expect(output).not.toContain("age-encryption.org/v1");
    expect(output).not.toContain('"type":"Buffer"');
    expect(Math.max(...output.split("\n").map((line) => line.length))).toBeLessThan(8_000);
  });
});

onDocker("a login that moves between the runtimes", () => {
  let stage: Stage;
  let other: Engine;
  beforeAll(async () => {
    stage = await startStage("docker");
    other = await startEngine({ runtime: "process", simulator: stage.simulator });
  });
  afterAll(async () => {
    await other.stop();
    await stage.close();
  });

  it("connects on the other, and back again", async () => {
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "s", ACCOUNT);
    await engine.api("POST /sessions/s/stop");
    const fromDocker = await takeBackup(engine, "s");
    expect((await restoreBackup(other, "s", fromDocker.bytes)).status).toBe(201);
    await waitForStatus(other, "s", "connected");
    await other.api("POST /sessions/s/stop");
    const fromProcess = await takeBackup(other, "s");
    expect((await restoreBackup(engine, "s", fromProcess.bytes)).status).toBe(200);
    await waitForStatus(engine, "s", "connected");
    expect(await simulator.control.linkedDevices(ACCOUNT)).toBe(1);
  });
});
