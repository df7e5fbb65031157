import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEngine, type Engine } from "../support/engine.ts";
import { statusEvents, type StatusEvent } from "../support/events.ts";
import { until } from "../support/until.ts";

/** Browsers that find no WhatsApp: what an operator sees whose network or proxy lets nobody through. */
describe("a session that cannot reach WhatsApp", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ runtime: "process", settings: { RUNNER_START_TIMEOUT_SECONDS: "5" } });
  });
  afterAll(() => engine.stop());

  it("says what the network failed with, in every answer that shows it, and while it tries again too", async () => {
    const created = await engine.api("POST /sessions", { sessionId: "s" });
    expect(created.body.session).toMatchObject({ status: "connecting", reason: "starting", detail: null });

    const detail = /^Neither .+ net::ERR_NAME_NOT_RESOLVED \(web\.whatsapp\.com\)\.$/;
    const first = await until("a reason", async () => {
      const { body } = await engine.api("GET /sessions/s/status");
      return typeof body.detail === "string" && body;
    });
    expect(first.detail).toMatch(detail);
    expect((await engine.api("GET /sessions")).body.sessions?.[0]?.detail).toMatch(detail);
    expect((await engine.api("POST /sessions", { sessionId: "s" })).body.session?.detail).toMatch(detail);

    const details = new Set<unknown>();
    const failed = ({ status, reason }: StatusEvent) =>
      status === "disconnected" && reason === "start_timeout";
    const secondFailed = async () => {
      details.add((await engine.api("GET /sessions/s/status")).body.detail);
      return statusEvents(engine, "s").filter(failed).length > 1;
    };
    await until("a second start to fail", secondFailed, { timeoutMs: 60_000 });
    expect([...details]).toEqual([first.detail]);
  });
});
