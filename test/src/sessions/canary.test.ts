import { afterAll, beforeAll, expect, it } from "vitest";
import { canarySettings, createFleet, GOOD, NEVER_READY, NO_MEDIA, PROVING } from "../support/canary.ts";
import { query } from "../support/database.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** Of each of the six sessions, on each of the two bad builds. */
const MESSAGES = 50;

onEachRuntime("a fleet that WhatsApp Web changes under", (runtime) => {
  let stage: Stage;
  let fleet: ReturnType<typeof createFleet>;
  beforeAll(async () => {
    stage = await startStage(runtime, canarySettings);
    fleet = createFleet(stage, 6);
    await fleet.begin();
  }, 180_000);
  afterAll(() => stage?.close());

  it("proves what WhatsApp serves, by what happens on it", async () => {
    expect(await fleet.canary()).toMatchObject({ enabled: true, whatsappVersion: GOOD, sessionId: null });
  });

  it.each([
    { ...NO_MEDIA, why: /Messages of kind image failed in the page/, from: 0 },
    { ...NEVER_READY, why: /did not get ready/, from: MESSAGES },
  ])(
    "has one session try $version, which goes back by itself; nothing is lost or doubled",
    async ({ version, ways, why, from }) => {
      const { engine, simulator } = stage;
      let most = 0;
      const watching = setInterval(async () => (most = Math.max(most, await fleet.on(version))), 50);
      await simulator.control.configure({ version, ways });
      await fleet.becomes(version, "trying");
      const { sessionId } = await fleet.canary();
      await fleet.send(from, MESSAGES);
      await fleet.becomes(version, "rejected");
      await until("its session to be back", async () => {
        const { body } = await engine.api(`GET /sessions/${sessionId}/status`);
        return body.status === "connected" && body.whatsappVersion === GOOD;
      });
      await fleet.allSent();
      clearInterval(watching);
      expect(most).toBeLessThanOrEqual(1);

      const build = fleet.builds().find((one) => one["version"] === version);
      expect(build).toMatchObject({ why: expect.stringMatching(why) });
      const [event] = query(
        engine.dataDir,
        "select session_id, data from events where type = 'whatsapp.build_rejected' order by id desc limit 1",
      );
      expect(event).toMatchObject({ session_id: sessionId });
      expect(JSON.parse(String(event?.["data"]))).toMatchObject({
        whatsappVersion: version,
        returnsTo: GOOD,
      });
      await fleet.hasSentOnce(PROVING + from + MESSAGES);
    },
    240_000,
  );

  it("starts new sessions with the proven build, whatever is served", async () => {
    const { engine } = stage;
    await engine.api("POST /sessions/create", { sessionId: "new" });
    await until(
      "it to show a code",
      async () => (await engine.api("GET /sessions/new/status")).body.status === "qr_ready",
    );
    expect((await engine.api("GET /sessions/new/status")).body.whatsappVersion).toBe(GOOD);
  });
});
