import { afterAll, beforeAll, expect, it } from "vitest";
import { onEachRuntime } from "../support/runtimes.ts";
import { waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

onEachRuntime("the screenshot", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime);
  });
  afterAll(() => stage.close());

  const take = (sessionId: string) => stage.engine.api(`GET /sessions/${sessionId}/screenshot`);

  it("is a picture of the page that nobody keeps, while there is a page", async () => {
    const { engine } = stage;
    await engine.api("POST /sessions/create", { sessionId: "s" });
    await waitForStatus(engine, "s", "qr_ready");
    const picture = await take("s");
    expect(picture).toMatchObject({
      status: 200,
      headers: { "content-type": "image/png", "cache-control": "no-store" },
    });
    expect(picture.bytes.subarray(0, PNG.length)).toEqual(PNG);

    await engine.api("POST /sessions/s/stop");
    expect(await take("s")).toMatchObject({
      status: 409,
      body: { error: { code: "screenshot_not_available", reason: "stopped" } },
    });
    expect((await take("nobody")).body.error?.code).toBe("session_not_found");
    expect((await engine.api("GET /sessions/s/screenshot", undefined, { key: null })).status).toBe(401);
  });
});
