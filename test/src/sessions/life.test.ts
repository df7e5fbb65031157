import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lastSeq, statusEvents } from "../support/events.ts";
import { killRunner, loginIsOnDisk } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession, readQr, scan, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const FRIEND = "6281200000001";

onEachRuntime("a session's life", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
  });
  afterAll(() => stage.close());

  const statusesAfter = (sessionId: string, seq: number) =>
    statusEvents(stage.engine, sessionId, seq).map(({ status }) => status);

  /** Sends, and WhatsApp has it exactly once. */
  async function sendOnce(sessionId: string, account: string, message: string) {
    const { engine, simulator } = stage;
    const answer = await engine.api(`POST /sessions/${sessionId}/send`, { to: FRIEND, message });
    expect(answer.status, answer.text).toBe(200);
    const taken = await takenBy(simulator, account, FRIEND);
    expect(taken.filter(({ body }) => body === message)).toHaveLength(1);
  }

  /** Does what takes the session down, and waits until it is back by itself: with its login, without a code. */
  async function comesBack(sessionId: string, takeDown: () => Promise<unknown>) {
    const { engine } = stage;
    await loginIsOnDisk(engine, sessionId);
    const before = lastSeq(engine, sessionId);
    await takeDown();
    await until(`${sessionId} to be back`, () => statusesAfter(sessionId, before).at(-1) === "connected", {
      timeoutMs: 60_000,
      seen: () => statusEvents(engine, sessionId, before),
    });
    expect(statusesAfter(sessionId, before)).not.toContain("qr_ready");
    expect(statusesAfter(sessionId, before)).not.toContain("auth_failed");
  }

  it("goes from connecting over qr_ready and authenticated to connected", async () => {
    const { engine, simulator } = stage;
    await simulator.control.configure({ delays: { syncMs: 1_000 } });
    await engine.api("POST /sessions/create", { sessionId: "life", phoneNumber: ACCOUNT });
    await scan(engine, simulator, "life", ACCOUNT);
    await waitForStatus(engine, "life", { status: "authenticated", reason: null });
    await simulator.control.configure({ delays: { syncMs: 0 } });
    const session = await waitForStatus(engine, "life", { status: "connected", reason: null });
    expect(session).toMatchObject({
      phoneNumber: ACCOUNT,
      pushName: `Simulated ${ACCOUNT}`,
      whatsappVersion: "2.3000.1049007170",
      connectedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    const seen = statusesAfter("life", 0);
    const order = ["qr_ready", "authenticated", "connected"].map((status) => seen.indexOf(status));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(order).not.toContain(-1);
    expect(seen.at(-1)).toBe("connected");
  });

  it("comes back without a code when its runner is killed", async () => {
    await comesBack("life", () => killRunner(stage.engine, "life"));
    await sendOnce("life", ACCOUNT, "after the runner was killed");
  });

  it("comes back without a code when the engine is restarted", async () => {
    const { engine } = stage;
    await engine.restart();
    await waitForStatus(engine, "life", "connected");
    expect(statusesAfter("life", 0).filter((status) => status === "qr_ready")).toHaveLength(1);
    await sendOnce("life", ACCOUNT, "after the engine was restarted");
  });

  it("is logged_out when the phone unlinks it, and a new scan works and is kept", async () => {
    const { engine, simulator } = stage;
    await simulator.control.logoutFromPhone(ACCOUNT);
    await waitForStatus(engine, "life", { status: "disconnected", reason: "logged_out" });
    expect((await engine.api("POST /sessions/life/send", { to: FRIEND, message: "too late" })).status).toBe(
      409,
    );
    expect((await engine.api("GET /sessions/life/qr?wait=0")).body).toMatchObject({
      qr: null,
      status: "disconnected",
      reason: "logged_out",
    });

    const again = await engine.api("POST /sessions/create", { sessionId: "life", phoneNumber: ACCOUNT });
    expect(again).toMatchObject({
      status: 200,
      body: { session: { sessionId: "life", status: "connecting" } },
    });
    await scan(engine, simulator, "life", ACCOUNT);
    await waitForStatus(engine, "life", "connected");
    await sendOnce("life", ACCOUNT, "linked again");
    await comesBack("life", () => killRunner(engine, "life"));
    await sendOnce("life", ACCOUNT, "linked again, and restarted");
  });

  it("is auth_failed when WhatsApp turns the pairing down, and the next code can be scanned", async () => {
    const { engine, simulator } = stage;
    await engine.api("POST /sessions/create", { sessionId: "turned-down" });
    const code = await readQr(engine, "turned-down");
    await simulator.control.failPairing(code);
    await until("auth_failed to be recorded", () =>
      statusEvents(engine, "turned-down").some(
        ({ status, reason }) => status === "auth_failed" && reason === "pairing_failed",
      ),
    );
    const next = await until("another code", async () => {
      const now = await readQr(engine, "turned-down");
      return now !== code && now;
    });
    await simulator.control.scan(next, { phoneNumber: "6281234567891" });
    await waitForStatus(engine, "turned-down", "connected");
  });

  it("is auth_failed/wrong_number when another account scans, which is logged out again", async () => {
    const { engine, simulator } = stage;
    // Who scanned is known before the sync ends, and that is when the account must go.
    await simulator.control.configure({ delays: { syncMs: 2_000 } });
    await engine.api("POST /sessions/create", { sessionId: "wrong", phoneNumber: "6281234567892" });
    await scan(engine, simulator, "wrong", "6285511112222");
    await waitForStatus(engine, "wrong", { status: "auth_failed", reason: "wrong_number" });
    await until(
      "the wrong account to be logged out at WhatsApp",
      async () => (await simulator.control.linkedDevices("6285511112222")) === 0,
    );
    expect(statusesAfter("wrong", 0)).not.toContain("connected");
    const send = await engine.api("POST /sessions/wrong/send", { to: FRIEND, message: "from the wrong one" });
    expect(send).toMatchObject({ status: 409, body: { error: { code: "session_not_connected" } } });

    // The right one gets its chance.
    await simulator.control.configure({ delays: { syncMs: 0 } });
    await engine.api("POST /sessions/create", { sessionId: "wrong", phoneNumber: "6281234567892" });
    await scan(engine, simulator, "wrong", "6281234567892");
    await waitForStatus(engine, "wrong", "connected");
  });

  describe("on WhatsApp Web as it was before July 2026", () => {
    it("is linked, sends, and comes back", async () => {
      const { engine, simulator } = stage;
      await simulator.control.configure({ build: "spring-2026" });
      const session = await linkSession(engine, simulator, "old-build", "6281234567893");
      expect(session.whatsappVersion).toBe("2.3000.1042401056");
      await sendOnce("old-build", "6281234567893", "from an old build");
      await comesBack("old-build", () => killRunner(engine, "old-build"));
      await simulator.control.configure({ build: "october-2026" });
      await comesBack("old-build", () => killRunner(engine, "old-build"));
      await sendOnce("old-build", "6281234567893", "updated meanwhile");
    });
  });
});
