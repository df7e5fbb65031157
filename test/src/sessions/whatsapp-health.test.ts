import type { WhatsAppHealth } from "@whatsapp-engine/contract/api";
import { startSimulator, type Simulator } from "@whatsapp-engine/simulator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { startEngine, type Engine } from "../support/engine.ts";
import { linkSession, waitForStatus } from "../support/session.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281200000001";

describe("GET /health/whatsapp", () => {
  let simulator: Simulator;
  let engine: Engine;
  beforeAll(async () => {
    simulator = await startSimulator({ build: "july-2026" });
    const settings = { SEND_TIMEOUT_SECONDS: "2", WHATSAPP_LOOK_SECONDS: "1" };
    engine = await startEngine({ runtime: "process", simulator, settings });
  });
  afterAll(async () => {
    await engine.stop();
    await simulator.close();
  });
  const health = () => engine.api("GET /health/whatsapp");

  it("names the builds that sessions see, what was mended in them, and sends whose outcome nobody knows", async () => {
    expect((await health()).body).toMatchObject({
      whatsapp: { builds: [], outcomes: { sent: 0, failed: 0, unknown: 0 } },
    });
    await linkSession(engine, simulator, "a", ACCOUNT);
    await engine.api("POST /sessions/create", { sessionId: "b" });
    await waitForStatus(engine, "b", "qr_ready");
    const send = () =>
      engine.api("POST /sessions/a/send", { to: "6281234567890", type: "text", message: "hello" });
    expect((await send()).status).toBe(200);
    await simulator.control.fault({ kind: "strand" });
    expect((await send()).status).toBe(202);

    const { whatsappVersion } = (await engine.api("GET /sessions/a/status")).body;
    expect(whatsappVersion).toMatch(/^2\.3000\./);
    const copies = () => query(engine.dataDir, "select version from whatsapp_builds").length;
    await until("a copy of the page to be kept", () => copies() > 0);
    const { status, body } = await health();
    expect(status).toBe(200);
    const time = expect.stringMatching(/^2.*Z$/) as string;
    expect(body).toEqual({
      success: true,
      whatsapp: {
        builds: [
          {
            whatsappVersion,
            sessions: 2,
            connected: 1,
            libraryVersions: [expect.stringMatching(/^1\./)],
            mends: ["message_key_text", "window_answered"],
            mendCounts: {},
            troubles: {},
          },
        ],
        copies: [{ whatsappVersion, bytes: expect.any(Number), usedAt: expect.stringMatching(/Z$/) }],
        pinnedForAll: null,
        pins: [],
        canary: {
          enabled: true,
          whatsappVersion: null,
          sessionId: null,
          lookedAt: time,
          builds: [
            {
              whatsappVersion,
              state: "found",
              sessionId: null,
              foundAt: time,
              triedAt: null,
              provenAt: null,
              retryAt: null,
              why: null,
            },
          ],
        },
        unread: [],
        outcomes: { since: expect.stringMatching(/T00:00:00.000Z$/), sent: 1, failed: 0, unknown: 1 },
      },
    });
  });

  it("shows what holds sessions up, and asks for the key", async () => {
    await engine.api("POST /sessions/create", { sessionId: "c" });
    const { body } = await health();
    const { builds } = (body as unknown as { whatsapp: WhatsAppHealth }).whatsapp;
    expect(builds.find(({ whatsappVersion }) => whatsappVersion === null)).toMatchObject({
      sessions: 1,
      connected: 0,
      troubles: { starting: 1 },
    });
    expect((await engine.api("GET /health/whatsapp", undefined, { key: null })).status).toBe(401);
  });
});
