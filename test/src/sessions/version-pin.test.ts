import { copyFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { count } from "../support/database.ts";
import { statusEvents } from "../support/events.ts";
import { loginIsOnDisk } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const OLD = "2.3000.1042401056";
const NEW = "2.3000.1049007170";
const NEVER = "2.3000.1";
const FRIEND = "6281200000001";

onEachRuntime("a pin of WhatsApp Web's version", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime, { WHATSAPP_LOOK_SECONDS: "1", WHATSAPP_CANARY: "off" });
    await stage.simulator.control.configure({ build: "spring-2026" });
  });
  afterAll(() => stage.close());

  const api: Stage["engine"]["api"] = (...call) => stage.engine.api(...call);
  const folder = () => join(stage.engine.dataDir, "whatsapp-web");
  const kept = () =>
    readdirSync(folder())
      .filter((name) => name.endsWith(".html"))
      .toSorted();
  const pin = (sessionId: string, whatsappVersionPin: string | null) =>
    api(`PATCH /sessions/${sessionId}`, { whatsappVersionPin });

  async function restarted(sessionId: string) {
    await loginIsOnDisk(stage.engine, sessionId);
    await api(`POST /sessions/${sessionId}/restart`);
    return waitForStatus(stage.engine, sessionId, "connected");
  }

  it("keeps a copy of what WhatsApp serves, once", async () => {
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "stays", "6281234567890");
    await linkSession(engine, simulator, "moves", "6281234567891");
    await until("a copy to be kept", () => kept().length > 0, { seen: kept });
    expect(kept()).toEqual([`${OLD}.html`]);
  });

  it("keeps a session on its version over a restart, while another one goes on with WhatsApp", async () => {
    const { simulator } = stage;
    const { status, body } = await pin("stays", OLD);
    expect(status).toBe(200);
    expect(body.session).toMatchObject({ whatsappVersion: OLD, whatsappVersionPin: OLD });
    await simulator.control.configure({ build: "october-2026" });
    expect(await restarted("moves")).toMatchObject({ whatsappVersion: NEW, whatsappVersionPin: null });
    expect(await restarted("stays")).toMatchObject({ whatsappVersion: OLD, whatsappVersionPin: OLD });
    const pages = await simulator.control.pages();
    expect(pages.find(({ account }) => account === "6281234567890")).toMatchObject({ build: "spring-2026" });

    const sent = await api("POST /sessions/stays/send", { to: FRIEND, message: "from the old one" });
    expect(sent.status, sent.text).toBe(200);
    expect(await takenBy(simulator, "6281234567890", FRIEND)).toHaveLength(1);
  });

  it("tells which copies there are, and who is pinned to what", async () => {
    await until("both copies to be kept", () => kept().length === 2, { seen: kept });
    const { whatsapp } = (await api("GET /health/whatsapp")).body as unknown as {
      whatsapp: { copies: { whatsappVersion: string }[] };
    };
    expect(whatsapp).toMatchObject({
      pinnedForAll: null,
      pins: [{ whatsappVersion: OLD, sessionIds: ["stays"] }],
    });
    expect(whatsapp.copies.map(({ whatsappVersion }) => whatsappVersion).toSorted()).toEqual([OLD, NEW]);
  });

  it("refuses a version without a copy in words, starts nothing for it, and goes on once the pin is off", async () => {
    const { engine } = stage;
    const runners = () => count(engine.dataDir, "runners");
    const before = runners();
    const created = await api("POST /sessions/create", { sessionId: "none", whatsappVersionPin: NEVER });
    expect(created.body.session).toMatchObject({ whatsappVersionPin: NEVER });
    const refused = await waitForStatus(engine, "none", { status: "disconnected", reason: "start_failed" });
    expect(refused["detail"]).toContain(`There is no copy of WhatsApp Web ${NEVER}`);
    expect(refused["detail"]).toContain(OLD);
    expect(runners()).toBe(before);
    expect(statusEvents(engine, "none").filter(({ reason }) => reason === "start_failed")).toHaveLength(1);

    await pin("none", null);
    expect(await waitForStatus(engine, "none", "qr_ready")).toMatchObject({
      whatsappVersion: NEW,
      detail: null,
    });
  });

  it("opens nothing else where a copy has the wrong name", async () => {
    const { engine } = stage;
    copyFileSync(join(folder(), `${OLD}.html`), join(folder(), "2.3000.7.html"));
    await api("POST /sessions/create", { sessionId: "wrong", whatsappVersionPin: "2.3000.7" });
    await until("the wrong name to be told", async () => {
      const { detail } = (await api("GET /sessions/wrong/status")).body;
      return String(detail).includes(
        `pinned to WhatsApp Web 2.3000.7, but what was opened says that it is ${OLD}`,
      );
    });
    expect(statusEvents(engine, "wrong").map(({ status }) => status)).not.toContain("qr_ready");
    await api("DELETE /sessions/wrong");
    rmSync(join(folder(), "2.3000.7.html"));
  });

  it("unlinks a stopped session by its own version", async () => {
    const { simulator } = stage;
    await api("POST /sessions/stays/stop");
    expect((await api("POST /sessions/stays/logout")).body).toMatchObject({ unlinked: "done" });
    expect(await simulator.control.linkedDevices("6281234567890")).toBe(0);
  });

  it.each(["../../etc/passwd", "2.3000", "latest", ""])("takes %j for no version", async (version) => {
    const { status, body } = await pin("moves", version);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: "invalid_request" });
  });
});
