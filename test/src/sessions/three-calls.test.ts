import { afterAll, beforeAll, expect, it } from "vitest";
import { onEachRuntime } from "../support/runtimes.ts";
import { readQrCode } from "../support/qr-code.ts";
import { waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";

/** What a new user types first, word for word and one after the other; only the port is the test's. */
onEachRuntime("the three calls", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
  });
  afterAll(() => stage.close());

  it("create, qr and send work as written", async () => {
    const { engine, simulator } = stage;
    const headers = { "Content-Type": "application/json", "X-API-Key": engine.apiKey };
    expect(engine.url).toMatch(/^http:\/\/localhost:\d+$/);

    const created = await fetch(`${engine.url}/sessions/create`, {
      method: "POST",
      headers,
      body: '{"sessionId":"session-123","phoneNumber":"6281234567890"}',
    });
    expect(created.status).toBe(201);
    expect(await created.json()).toMatchObject({
      success: true,
      session: {
        sessionId: "session-123",
        status: "connecting",
        reason: "starting",
        phoneNumber: "6281234567890",
        connectedAt: null,
      },
    });

    const code = await fetch(`${engine.url}/sessions/session-123/qr`, { headers });
    expect(code.status).toBe(200);
    const qr = (await code.json()) as { qr: string; qrImage: string; expiresAt: string };
    expect(qr).toMatchObject({ success: true, sessionId: "session-123", status: "qr_ready" });
    expect(readQrCode(Buffer.from(qr.qrImage.replace("data:image/png;base64,", ""), "base64"))).toBe(qr.qr);
    expect(Date.parse(qr.expiresAt)).toBeGreaterThan(Date.now());

    await simulator.control.scan(qr.qr, { phoneNumber: "6281234567890" });
    await waitForStatus(engine, "session-123", "connected");

    const sent = await fetch(`${engine.url}/sessions/session-123/send`, {
      method: "POST",
      headers,
      body: '{"to":"6281234567890","message":"Hello from WhatsApp Engine!","type":"text"}',
    });
    expect(sent.status).toBe(200);
    const answer = (await sent.json()) as { whatsappId: string };
    expect(answer).toMatchObject({ success: true, status: "sent", messageId: expect.any(String) });
    expect(await simulator.control.sent()).toEqual([
      expect.objectContaining({
        id: answer.whatsappId,
        to: "6281234567890@c.us",
        type: "chat",
        body: "Hello from WhatsApp Engine!",
      }),
    ]);
  });
});
