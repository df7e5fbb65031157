import type { WhatsAppHealth } from "@whatsapp-engine/contract/api";
import { afterEach, expect, it } from "vitest";
import { lastSeq, statusEvents } from "../support/events.ts";
import { runnersOf } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { allSettled, findLies } from "../support/truth.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

onEachRuntime("a page that crashes in the middle of a line of messages", (runtime) => {
  it("is opened anew by the same runner: every message goes out once, and the API says why it waited", async () => {
    stage = await startStage(runtime);
    const { engine, simulator } = stage;
    await linkSession(engine, simulator, "a", ACCOUNT);
    const runners = await runnersOf(engine);
    const seen = lastSeq(engine, "a");
    await simulator.control.configure({ delays: { ackMs: 300 } });
    const recipients = Array.from({ length: 12 }, (_, i) => ({
      to: `62812000000${String(i).padStart(2, "0")}`,
      message: `in line ${i}`,
    }));
    expect((await engine.api("POST /sessions/a/messages/bulk", { recipients })).status).toBe(202);
    await until("the first to be taken", async () => (await simulator.control.sent()).length > 0);
    await simulator.control.crashPage(ACCOUNT);
    await until("the crash to be told", () =>
      statusEvents(engine, "a", seen).some(({ reason }) => reason === "page_crashed"),
    );
    await waitForStatus(engine, "a", "connected");
    await allSettled(engine.dataDir);
    const { doubled, lies } = await findLies(engine.dataDir, simulator);
    expect({ doubled, lies }).toEqual({ doubled: [], lies: [] });

    const told = statusEvents(engine, "a", seen).map(({ status, reason }) => ({ status, reason }));
    expect(told[0]).toEqual({ status: "connecting", reason: "page_crashed" });
    expect(told.map(({ status }) => status)).not.toContain("disconnected");
    expect(told.map(({ status }) => status)).not.toContain("qr_ready");
    expect(await runnersOf(engine)).toEqual(expect.arrayContaining(runners));
    const { whatsapp } = (await engine.api("GET /health/whatsapp")).body as unknown as {
      whatsapp: WhatsAppHealth;
    };
    expect(whatsapp.builds[0]).toMatchObject({
      mends: expect.arrayContaining(["page_reloaded"]) as unknown,
      mendCounts: { page_reloaded: 1 },
    });
  });
});
