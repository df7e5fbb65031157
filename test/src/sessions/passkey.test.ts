import { afterAll, beforeAll, expect, it } from "vitest";
import { statusEvents } from "../support/events.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { readQr, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";

const ASKED = { status: "qr_ready", reason: "passkey_required" };

onEachRuntime("a phone that asks for a passkey", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
    await stage.simulator.control.configure({ passkey: "UNPAIRED" });
  });
  afterAll(() => stage?.close());

  /** A session whose code was scanned by an account that needs a passkey. */
  async function scanned(sessionId: string, phoneNumber: string): Promise<void> {
    const { engine, simulator } = stage;
    await engine.api("POST /sessions/create", { sessionId });
    const code = await readQr(engine, sessionId);
    // Ends when it is linked, or never.
    void simulator.control.scan(code, { phoneNumber }).catch(() => undefined);
    await waitForStatus(engine, sessionId, ASKED, 10_000);
  }
  const givePasskey = async () => {
    const { control } = stage.simulator;
    for (const { pageId } of await control.pages()) await control.givePasskey(pageId).catch(() => undefined);
  };

  it("is told in status, event and words, shows no code, and links once it has it", async () => {
    const { engine } = stage;
    await scanned("given", "6281234567890");
    const { body } = await engine.api("GET /sessions/given/status");
    expect(body.detail).toContain("confirm on the phone");
    const code = await engine.api("GET /sessions/given/qr");
    expect(code.body).toMatchObject({ qr: null, reason: "passkey_required", data: { qrCode: null } });
    expect(statusEvents(engine, "given").at(-1)).toMatchObject(ASKED);
    await givePasskey();
    expect(await waitForStatus(engine, "given", "connected")).toMatchObject({ phoneNumber: "6281234567890" });
  });

  it("is asked for after a pairing code too", async () => {
    const { engine, simulator } = stage;
    const phoneNumber = "6281234567891";
    await engine.api("POST /sessions/create", { sessionId: "typed", phoneNumber });
    await waitForStatus(engine, "typed", "qr_ready");
    const { body } = await engine.api("POST /sessions/typed/pairing-code");
    void simulator.control.enterPairingCode(body.code ?? "", { phoneNumber }).catch(() => undefined);
    await waitForStatus(engine, "typed", ASKED, 10_000);
    await givePasskey();
    await waitForStatus(engine, "typed", "connected");
  });

  it("is given up by a call; the next start shows a code again", async () => {
    const { engine } = stage;
    await scanned("cancelled", "6281234567892");
    expect((await engine.api("POST /sessions/cancelled/stop")).body).toMatchObject({
      session: { reason: "stopped" },
    });
    await stage.simulator.control.configure({ passkey: "no" });
    await engine.api("POST /sessions/cancelled/start");
    await stage.simulator.control.scan(await readQr(engine, "cancelled"), { phoneNumber: "6281234567892" });
    await waitForStatus(engine, "cancelled", "connected");
  });
});
