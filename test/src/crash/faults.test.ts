import { renameSync } from "node:fs";
import { join } from "node:path";
import { mountSmallDisk } from "@whatsapp-engine/simulator/small-disk";
import Sqlite from "better-sqlite3";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { query } from "../support/database.ts";
import { loginIsOnDisk } from "../support/runner.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { allSettled, findLies } from "../support/truth.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const NONE = { doubled: [], lies: [] };
/** Room for a database, a journal and a browser's profile. */
const DISK_MB = 192;

const recipient = (i: number) => `62812000000${String(i).padStart(2, "0")}`;

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

/** What `GET /health/ready` answers: status and error. */
async function readiness(engine: Stage["engine"]) {
  const { status, body } = await engine.api("GET /health/ready");
  return [status, body.error?.code];
}

describe("a database that is moved away while the engine runs", () => {
  it("shows within 10 s, and goes again when it is put back", async () => {
    stage = await startStage("process");
    const { engine } = stage;
    const file = join(engine.dataDir, "engine.sqlite");
    expect(await readiness(engine)).toEqual([200, undefined]);
    renameSync(file, `${file}.away`);
    const isReady = async () => (await readiness(engine))[0] === 200;
    await until("it to show", async () => !(await isReady()), { timeoutMs: 10_000 });
    expect(await readiness(engine)).toEqual([503, "database_unavailable"]);
    await until("the log to say so", () => engine.output().includes("was removed or replaced"));
    renameSync(`${file}.away`, file);
    await until("it to be well again", isReady, { timeoutMs: 10_000 });
  });
});

describe("a database that is held by somebody else", () => {
  it("for longer than anyone waits, while messages are under way: all go out once, and their rows say so", async () => {
    stage = await startStage("process");
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "a", ACCOUNT);
    await simulator.control.configure({ delays: { ackMs: 500 } });
    const administrator = new Sqlite(join(engine.dataDir, "engine.sqlite"));
    const recipients = Array.from({ length: 10 }, (_, i) => ({ to: recipient(i), message: `locked ${i}` }));
    const bulk = await engine.api("POST /sessions/a/messages/bulk", { recipients });
    expect(bulk.status, bulk.text).toBe(202);
    administrator.exec("begin immediate");
    await until("the engine to meet the lock", () => engine.output().includes("database is locked"));
    administrator.exec("rollback");
    administrator.close();

    await allSettled(engine.dataDir);
    const rows = query(engine.dataDir, "select distinct status from messages");
    expect(rows).toEqual([{ status: "sent" }]);
    expect(await findLies(engine.dataDir, simulator)).toEqual(NONE);
  });
});

describe("a disk that is full", () => {
  const disk = mountSmallDisk(DISK_MB);
  afterEach(() => void vi.unstubAllEnvs());
  afterAll(() => disk.remove());
  const name =
    "refuses what it cannot keep with a clear error, loses nothing that it accepted, and goes on when there is room";
  if (disk.why !== null) console.warn(`\n!!! THE TEST OF A FULL DISK DID NOT RUN: ${disk.why}\n`);
  it.skipIf(disk.why !== null)(
    disk.why === null ? name : `${name} (NOT RUN: ${disk.why})`,
    async () => {
      vi.stubEnv("TMPDIR", disk.path); // where the engine's data folder is made
      stage = await startStage("process");
      const { engine, simulator } = stage;
      expect(engine.dataDir).toContain(disk.path);
      await linkSession(engine, simulator, "a", ACCOUNT);
      await loginIsOnDisk(engine, "a");
      const send = (message: string, more: object = {}) =>
        engine.api("POST /sessions/a/send", { to: recipient(0), message, async: true, ...more });
      const due = new Date(Date.now() + 3_000).toISOString();
      expect((await send("due when the disk is full", { scheduledAt: due })).status).toBe(202);

      expect(await readiness(engine)).toEqual([200, undefined]);
      disk.fill();
      await until("the full disk to show", async () => (await readiness(engine))[0] === 503, {
        timeoutMs: 10_000,
      });
      expect(await readiness(engine)).toEqual([503, "database_unavailable"]);
      const accepted: string[] = [];
      const refused = await until("the engine to refuse", async () => {
        const message = `full ${accepted.length}`;
        const answer = await send(message);
        if (answer.status !== 202) return answer;
        accepted.push(message);
        disk.fill(); // SQLite gives room back, and takes it again
        return undefined;
      });
      expect([refused.status, refused.body.error?.code], refused.text).toEqual([503, "database_unavailable"]);
      expect(refused.body.error?.message).toMatch(/^The disk of the data folder is full/);
      await until("the scheduled message to be due", () => Date.now() > Date.parse(due) + 1_000);
      await simulator.control.deliver(ACCOUNT, { from: recipient(1), body: "while the disk was full" });

      disk.free();
      // Nothing else happens that could have it told.
      const told = "select 1 from events where json_extract(data, '$.body') = 'while the disk was full'";
      await until("what came in to be told", () => query(engine.dataDir, told).length === 1, {
        timeoutMs: 10_000,
      });
      await until("the room to show", async () => (await readiness(engine))[0] === 200, {
        timeoutMs: 10_000,
      });
      await until("the engine to take messages again", async () => (await send("room again")).status === 202);
      await allSettled(engine.dataDir);
      expect(await findLies(engine.dataDir, simulator)).toEqual(NONE);
      const rows = query(engine.dataDir, "select body, status from messages");
      const bodies = rows.map(({ body }) => body);
      expect(bodies).toEqual(
        expect.arrayContaining(["due when the disk is full", "room again", ...accepted]),
      );
      // The runner sends nothing whose key it cannot write down: that waits.
      for (const { body, status } of rows) expect([body, status]).toEqual([body, "sent"]);
    },
    120_000,
  );
});
