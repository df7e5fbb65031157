import { afterAll, beforeAll, expect, it } from "vitest";
import { onEachRuntime } from "../support/runtimes.ts";
import { waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";

onEachRuntime("linking by a code", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
  });
  afterAll(() => stage.close());

  const create = (sessionId: string, phoneNumber?: string) =>
    stage.engine.api("POST /sessions/create", { sessionId, phoneNumber });
  const askFor = (sessionId: string, body?: unknown) =>
    stage.engine.api(`POST /sessions/${sessionId}/pairing-code`, body);

  it("comes right after create, for the session's number, and links it", async () => {
    const { engine, simulator } = stage;
    await create("own", ACCOUNT);
    // A machine that is busy may need longer for the page than a caller is kept waiting.
    const answer = await until("a code", async () => {
      const asked = await askFor("own");
      return asked.body.error?.code === "pairing_not_available" ? undefined : asked;
    });
    expect(answer).toMatchObject({
      status: 200,
      headers: { "cache-control": "no-store" },
      body: { success: true, sessionId: "own", code: expect.stringMatching(/^[0-9A-Z]{8}$/) },
    });
    expect(Date.parse(answer.body.expiresAt ?? "")).toBeGreaterThan(Date.now());
    await simulator.control.enterPairingCode(answer.body.code ?? "", { phoneNumber: ACCOUNT });
    expect(await waitForStatus(engine, "own", "connected")).toMatchObject({ phoneNumber: ACCOUNT });
    expect(engine.output()).not.toContain(answer.body.code);

    expect(await askFor("own")).toMatchObject({
      status: 409,
      body: { error: { code: "pairing_not_available", status: "connected" } },
    });
    expect((await askFor("own", { phoneNumber: "6281234567891" })).body.error?.code).toBe("session_conflict");
  });

  it("needs a number from somewhere, in any usual form", async () => {
    const { simulator } = stage;
    await create("any");
    expect(await askFor("any", {})).toMatchObject({
      status: 400,
      body: { error: { code: "invalid_request", details: [{ field: "phoneNumber" }] } },
    });
    expect((await askFor("any", { phoneNumber: "call me" })).body.error?.code).toBe("invalid_phone_number");
    const { body } = await askFor("any", { phoneNumber: "0812-3456-7899" });
    await simulator.control.enterPairingCode(body.code ?? "", { phoneNumber: "6281234567899" });
    await waitForStatus(stage.engine, "any", "connected");
  });

  it("says why WhatsApp gives none, and what a stopped session needs", async () => {
    const { engine, simulator } = stage;
    await create("none", "6281234567892");
    await waitForStatus(engine, "none", "qr_ready");
    await simulator.control.configure({ actions: "refuse" });
    expect(await askFor("none")).toMatchObject({
      status: 422,
      body: {
        error: {
          code: "pairing_refused",
          message: 'WhatsApp gives no code: WhatsApp asks to slow down; it says "rate-overlimit"',
        },
      },
    });
    await simulator.control.configure({ actions: "silence" });
    expect(await askFor("none")).toMatchObject({ status: 504, body: { error: { code: "outcome_unknown" } } });
    await simulator.control.configure({ actions: "take" });
    await engine.api("POST /sessions/none/stop");
    expect(await askFor("none")).toMatchObject({
      status: 409,
      body: { error: { code: "pairing_not_available", reason: "stopped" } },
    });
    expect((await askFor("nobody")).body.error?.code).toBe("session_not_found");
  });
});
