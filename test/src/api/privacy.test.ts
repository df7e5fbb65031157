import { afterAll, beforeAll, expect, it } from "vitest";
import { onEachRuntime } from "../support/runtimes.ts";
import { readQr, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const OTHER = "6281200000001";
const TEXT = "the-text-of-a-message";
const INBOUND = "the-text-that-came-in";
const CAPTION = "the-caption-of-a-file";

onEachRuntime("the log", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime, { LOG_LEVEL: "trace" });
  });
  afterAll(() => stage.close());

  it("tells what happened, and holds no number, code, text or key", async () => {
    const { engine, simulator } = stage;
    await engine.api("POST /sessions", { sessionId: "a", phoneNumber: ACCOUNT });
    const qr = await readQr(engine, "a");
    await simulator.control.scan(qr, { phoneNumber: ACCOUNT, pushName: "Somebody" });
    await waitForStatus(engine, "a", "connected");
    await engine.api("POST /sessions/a/send", { to: OTHER, message: TEXT });
    await engine.api("POST /sessions/a/send", {
      to: OTHER,
      type: "document",
      caption: CAPTION,
      media: { base64: Buffer.from(TEXT).toString("base64"), filename: "secret-name.txt" },
    });
    await engine.api("POST /sessions/a/send", { to: "0812-not-a-number", message: TEXT });
    await engine.api("GET /sessions", undefined, { key: "a-wrong-key-of-somebody" });
    await simulator.control.deliver(ACCOUNT, { from: OTHER, body: INBOUND });
    await simulator.control.crashPage(ACCOUNT);
    await until("the crash to be noticed", () => engine.output().includes("page_crashed"));
    await engine.api("DELETE /sessions/a");

    for (const said of ["session created", "QR issued", "message sent", "session deleted", "wrong API key"]) {
      await until(`the log to say "${said}"`, () => engine.output().includes(said));
    }
    const output = engine.output();
    const secrets = [
      ACCOUNT,
      OTHER,
      TEXT,
      INBOUND,
      CAPTION,
      qr,
      engine.apiKey,
      "a-wrong-key-of-somebody",
      "secret-name",
    ];
    for (const secret of secrets) expect(output).not.toContain(secret);
  });
});
