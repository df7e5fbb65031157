import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { poolIs } from "../support/warm-runners.ts";

const OLD = "2.3000.1042401056";
const NEW = "2.3000.1049007170";

describe("a pin of WhatsApp Web's version and warm runners", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process", { WHATSAPP_LOOK_SECONDS: "1", WHATSAPP_CANARY: "off" });
    await stage.simulator.control.configure({ build: "spring-2026" });
  });
  afterAll(() => stage.close());

  const create = (sessionId: string, settings: object = {}) =>
    stage.engine.api("POST /sessions/create", { sessionId, ...settings });
  const runnerOf = (sessionId: string) =>
    query(stage.engine.dataDir, "select runner_id from sessions where id = ?", sessionId)[0]?.["runner_id"];

  it("gives a pinned session no runner that has opened another version already", async () => {
    const { engine, simulator } = stage;
    await create("first");
    await until("the copy", async () => {
      const { whatsapp } = (await engine.api("GET /health/whatsapp")).body as unknown as {
        whatsapp: { copies: unknown[] };
      };
      return whatsapp.copies.length === 1;
    });
    await engine.api("DELETE /sessions/first");
    await simulator.control.configure({ build: "october-2026" });
    await engine.restart({ WARM_RUNNERS: "1" });
    await poolIs(engine, 1);
    const [warm] = query(engine.dataDir, "select runner_id from warm_runners");
    await create("pinned", { whatsappVersionPin: OLD });
    expect(await waitForStatus(engine, "pinned", "qr_ready")).toMatchObject({ whatsappVersion: OLD });
    expect(runnerOf("pinned")).not.toBe(warm?.["runner_id"]);
    await engine.api("DELETE /sessions/pinned");
  });

  it("opens WHATSAPP_VERSION for all sessions, keeps no runner waiting, and says what is missing", async () => {
    const { engine, simulator } = stage;
    await engine.restart({ WHATSAPP_VERSION: OLD, WARM_RUNNERS: "1" });
    await create("all");
    expect(await waitForStatus(engine, "all", "qr_ready")).toMatchObject({
      whatsappVersion: OLD,
      whatsappVersionPin: null,
    });
    expect((await engine.api("GET /health")).body["warmRunners"]).toEqual({ ready: 0, starting: 0 });
    expect((await engine.api("GET /health/whatsapp")).body).toMatchObject({
      whatsapp: { pinnedForAll: OLD },
    });
    expect((await simulator.control.pages()).map(({ build }) => build)).toEqual(["spring-2026"]);

    rmSync(join(engine.dataDir, "whatsapp-web", `${OLD}.html`));
    await engine.api("POST /sessions/all/restart");
    const refused = await waitForStatus(engine, "all", { status: "disconnected", reason: "start_failed" });
    expect(refused["detail"]).toContain(`There is no copy of WhatsApp Web ${OLD}`);
    await engine.restart();
    expect(await waitForStatus(engine, "all", "qr_ready")).toMatchObject({ whatsappVersion: NEW });
  });
});
