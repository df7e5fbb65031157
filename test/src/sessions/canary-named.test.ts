import { afterAll, beforeAll, expect, it } from "vitest";
import { canarySettings, createFleet, GOOD } from "../support/canary.ts";
import { change } from "../support/database.ts";
import { waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { poolIs } from "../support/warm-runners.ts";

const NEXT = "2.3000.1049300000";
const AFTER_NEXT = "2.3000.1049400000";
const NAMED = "s1";
const DAY_MS = 24 * 60 * 60_000;

let stage: Stage;
let fleet: ReturnType<typeof createFleet>;
beforeAll(async () => {
  const settings = { ...canarySettings, WHATSAPP_CANARY_SESSION: NAMED, WARM_RUNNERS: "1" };
  stage = await startStage("process", settings);
  fleet = createFleet(stage, 3);
  await fleet.begin();
}, 180_000);
afterAll(() => stage?.close());

const versionOf = async (sessionId: string) =>
  (await stage.engine.api(`GET /sessions/${sessionId}/status`)).body.whatsappVersion;

it("has the session try a new build that the setting names, and not the busiest one", async () => {
  const { engine, simulator } = stage;
  const [busy] = fleet.sessions;
  for (let n = 0; n < 10; n++) {
    const sent = await engine.api(`POST /sessions/${busy!.id}/send`, {
      to: busy!.friends[0],
      message: "more",
    });
    expect(sent.body, sent.text).toMatchObject({ status: "sent" });
  }
  await simulator.control.configure({ version: NEXT });
  await fleet.becomes(NEXT, "trying");
  expect(await fleet.canary()).toMatchObject({ sessionId: NAMED });
  await fleet.isTriedOn(NEXT);
  expect(await versionOf(NAMED)).toBe(NEXT);
});

it("opens warm runners with the proven build, and so what is linked on them", async () => {
  const { engine, simulator } = stage;
  await poolIs(engine, 1);
  expect((await engine.api("POST /sessions/create", { sessionId: "new" })).status).toBe(201);
  await poolIs(engine, 1);
  // A browser that looks which build is served shows a code too, for a moment.
  let versions: string[] = [];
  await until(
    "only the new session and the pool to show codes",
    async () => {
      const shown = (await simulator.control.pages()).filter(({ qr }) => qr !== null);
      versions = shown.map(({ version }) => version);
      return versions.length === 2;
    },
    { seen: () => versions },
  );
  expect(versions).toEqual([GOOD, GOOD]);
  expect(await versionOf("new")).toBe(GOOD);
});

it("where that one can try nothing for days, a build that failed nowhere is taken over one session at a time", async () => {
  const { engine, simulator } = stage;
  await engine.api(`POST /sessions/${NAMED}/stop`);
  await fleet.becomes(NEXT, "found");
  await simulator.control.configure({ version: AFTER_NEXT });
  await fleet.becomes(AFTER_NEXT, "found");
  const aged = "update whatsapp_builds set found_at = found_at - ? where version = ?";
  change(engine.dataDir, aged, 4 * DAY_MS, AFTER_NEXT);
  await fleet.becomes(AFTER_NEXT, "proven");
  const { builds } = await fleet.canary();
  expect(builds.find((build) => build.whatsappVersion === AFTER_NEXT)).toMatchObject({
    why: "No session could try it, and it failed nowhere.",
  });

  for (const id of ["s0", "s2"]) {
    await engine.api(`POST /sessions/${id}/restart`);
    await waitForStatus(engine, id, "connected");
  }
  expect(await versionOf("s0")).toBe(AFTER_NEXT);
  expect(await versionOf("s2")).toBe(GOOD);
});
