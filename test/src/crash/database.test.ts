import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linkSession, takenBy } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const TO = "6281200000001";

/** An administrator who holds the database for longer than anyone waits for it. */
describe("a database that cannot be written", () => {
  let stage: Stage;
  let administrator: Sqlite.Database;
  beforeEach(async () => {
    stage = await startStage("process");
    await linkSession(stage.engine, stage.simulator, "a", ACCOUNT);
    administrator = new Sqlite(join(stage.engine.dataDir, "engine.sqlite"));
  });
  afterEach(async () => {
    administrator.close();
    await stage.close();
  });

  it("refuses what it could not record, sends nothing then, and goes on when it can", async () => {
    const { engine, simulator } = stage;
    administrator.exec("begin immediate");
    for (const [call, body] of [
      ["POST /sessions/a/send", { to: TO, message: "not recorded" }],
      ["POST /sessions", { sessionId: "b" }],
    ] as const) {
      const answer = await engine.api(call, body);
      expect([answer.status, answer.body.error?.code], answer.text).toEqual([503, "database_unavailable"]);
    }
    expect(await takenBy(simulator, ACCOUNT, TO)).toEqual([]);
    administrator.exec("rollback");

    expect((await engine.api("POST /sessions", { sessionId: "b" })).status).toBe(201);
    expect((await engine.api("POST /sessions/a/send", { to: TO, message: "x" })).body.status).toBe("sent");
  });

  it("lives through a runner that dies meanwhile, and brings its session back", async () => {
    const { engine, simulator } = stage;
    administrator.exec("begin immediate");
    await simulator.control.crashPage(ACCOUNT);
    await until("the engine to meet the lock", () => engine.output().includes("database is locked"));
    administrator.exec("rollback");
    // The row says `connected` until the crash could be written down; only a message that arrives proves the recovery.
    await until("the session to send again", async () => {
      const answer = await engine.api("POST /sessions/a/send", { to: TO, message: "x" });
      return answer.body.status === "sent";
    });
    expect(engine.output()).toContain("page_crashed");
  });
});
