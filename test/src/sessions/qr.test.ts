import { afterAll, beforeAll, expect, it } from "vitest";
import { statusEvents } from "../support/events.ts";
import { runnersOf } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { readQr, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** What becomes of a code that is not scanned, and of its session. */
onEachRuntime("the QR code", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime, { QR_TIMEOUT_SECONDS: "20" });
  });
  afterAll(() => stage.close());
  const get = () => stage.engine.api("GET /sessions/s/qr");

  it("is followed by a new one when WhatsApp replaces it", async () => {
    await stage.engine.api("POST /sessions/create", { sessionId: "s" });
    const old = (await get()).body.qr ?? "";
    await stage.simulator.control.expireQr(old);
    await until("another code", async () => ((await get()).body.qr ?? old) !== old);
    expect((await stage.engine.api("GET /sessions/s/status")).body.status).toBe("qr_ready");
  });

  it("is never scanned: the session ends as qr_expired, its runner is gone, and it can be started again", async () => {
    const { engine } = stage;
    await waitForStatus(engine, "s", { status: "disconnected", reason: "qr_expired" });
    await until("the runner to be gone", async () => (await runnersOf(engine)).length === 0);
    expect(await get()).toMatchObject({
      status: 200,
      body: { qr: null, status: "disconnected", reason: "qr_expired" },
    });
    expect(statusEvents(engine, "s").map(({ status }) => status)).not.toContain("connected");

    expect(await engine.api("POST /sessions/create", { sessionId: "s" })).toMatchObject({
      status: 200,
      body: { session: { status: "connecting" } },
    });
    await readQr(engine, "s");
    expect((await runnersOf(engine)).length).toBe(1);
  });

  it("is none for a session that is linked", async () => {
    await stage.simulator.control.scan(await readQr(stage.engine, "s"), { phoneNumber: "6281234567890" });
    await waitForStatus(stage.engine, "s", "connected");
    const startedAt = performance.now();
    expect(await get()).toMatchObject({ status: 200, body: { qr: null, status: "connected" } });
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });
});
