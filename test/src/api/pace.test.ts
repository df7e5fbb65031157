import Sqlite from "better-sqlite3";
import { join } from "node:path";
import type { OwnPace, PaceLimits } from "@whatsapp-engine/contract/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEngine, type Engine } from "../support/engine.ts";

const NONE_OWN: OwnPace = {
  perMinute: null,
  burst: null,
  pauseMs: null,
  perDay: null,
  recipientPauseMs: null,
  recipientPerDay: null,
};
const SETTINGS: PaceLimits = {
  perMinute: 30,
  burst: 5,
  pauseMs: 0,
  perDay: 1_000,
  recipientPauseMs: 60_000,
  recipientPerDay: 0,
};

describe("the pace of a session", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({
      runtime: "process",
      stubs: true,
      settings: {
        SEND_RATE_PER_MINUTE: "30",
        SEND_BURST: "5",
        SEND_MAX_PER_DAY: "1000",
        RECIPIENT_PAUSE_SECONDS: "60",
      },
    });
    for (const sessionId of ["a", "b"]) await engine.api("POST /sessions", { sessionId });
  });
  afterAll(() => engine?.stop());

  type Answered = { pace: PaceLimits; own: OwnPace; nextAt: string | null };
  const call = async (what: string, body?: unknown) => {
    const answer = await engine.api(what, body);
    return { ...answer, body: answer.body as typeof answer.body & Answered };
  };

  it("is the settings' until it has its own, of which each counts by itself", async () => {
    expect((await call("GET /sessions/a/pace")).body).toEqual({
      success: true,
      sessionId: "a",
      pace: SETTINGS,
      own: NONE_OWN,
      nextAt: null,
    });
    const changed = await call("PUT /sessions/a/pace", { perMinute: 0, pauseMs: 2_000 });
    expect(changed.body).toMatchObject({
      pace: { ...SETTINGS, perMinute: 0, pauseMs: 2_000 },
      own: { ...NONE_OWN, perMinute: 0, pauseMs: 2_000 },
    });
    const partly = await call("PUT /sessions/a/pace", { perMinute: null, burst: 2 });
    expect(partly.body).toMatchObject({
      pace: { ...SETTINGS, pauseMs: 2_000, burst: 2 },
      own: { ...NONE_OWN, pauseMs: 2_000, burst: 2 },
    });
    expect((await call("GET /sessions/b/pace")).body.pace).toEqual(SETTINGS);
  });

  it("outlives a restart, with what went out before it", async () => {
    await call("PUT /sessions/a/pace", { perDay: 2 });
    await engine.kill("SIGTERM");
    const handedAt = Date.now() - 60_000;
    const sqlite = new Sqlite(join(engine.dataDir, "engine.sqlite"));
    const insert = sqlite.prepare(
      `insert into messages (id, session_id, recipient, type, status, handed_at, created_at, updated_at)
       values (?, 'a', '6281200000001', 'text', 'sent', ?, ?, ?)`,
    );
    for (const id of ["1", "2"]) insert.run(id, handedAt, handedAt, handedAt);
    sqlite.close();
    await engine.restart();
    const { body } = await call("GET /sessions/a/pace");
    expect(body.pace.perDay).toBe(2);
    expect(body.nextAt).toBe(new Date(handedAt + 24 * 60 * 60_000).toISOString());
    expect((await call("PUT /sessions/a/pace", { perDay: 3 })).body.nextAt).toBeNull();
  });

  it.each([
    ["a limit that is not known", { perHour: 3 }, "perHour"],
    ["a negative one", { perMinute: -1 }, "perMinute"],
    ["half a message", { perDay: 0.5 }, "perDay"],
    ["no burst at all", { burst: 0 }, "burst"],
    ["a pause longer than a day", { recipientPauseMs: 86_400_001 }, "recipientPauseMs"],
    ["a text", { pauseMs: "1s" }, "pauseMs"],
  ])("is not changed by %s", async (_, change, field) => {
    const before = (await call("GET /sessions/b/pace")).body;
    const answer = await call("PUT /sessions/b/pace", { pauseMs: 5, ...change });
    expect([answer.status, answer.body.error?.code]).toEqual([400, "invalid_request"]);
    expect(answer.body.error?.details.map((detail) => detail.field)).toEqual([field]);
    expect((await call("GET /sessions/b/pace")).body).toEqual(before);
  });

  it("is that of a session there is, and goes with it", async () => {
    for (const what of ["GET", "PUT"]) {
      const answer = await call(`${what} /sessions/nobody/pace`, what === "PUT" ? {} : undefined);
      expect([answer.status, answer.body.error?.code]).toEqual([404, "session_not_found"]);
    }
    await call("PUT /sessions/b/pace", { pauseMs: 7 });
    await call("DELETE /sessions/b");
    await call("POST /sessions", { sessionId: "b" });
    expect((await call("GET /sessions/b/pace")).body.own).toEqual(NONE_OWN);
  });
});
