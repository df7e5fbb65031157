import { afterAll, beforeAll, expect, it } from "vitest";
import { canarySettings, createFleet, GOOD, PROVING } from "../support/canary.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** Enough of one session to prove a build. */
const MESSAGES = 10;
/** More than are moved at a time where nothing presses. */
const REFUSED = ["s0", "s1", "s2", "s3"];
const NEXT = "2.3000.1049300000";

let stage: Stage;
let fleet: ReturnType<typeof createFleet>;
beforeAll(async () => {
  // One look finds the first build; another, between two restarts, would have the fifth session try the next.
  stage = await startStage("process", { ...canarySettings, WHATSAPP_LOOK_SECONDS: "600" });
  fleet = createFleet(stage, 5);
  await fleet.begin();
}, 180_000);
afterAll(() => stage?.close());

const versions = async () => {
  const { body } = await stage.engine.api("GET /sessions");
  return (body.sessions as unknown as { whatsappVersion: string }[]).map((one) => one.whatsappVersion);
};

it("goes on with what is served where WhatsApp refuses the copy that the fleet has, and says so", async () => {
  const { engine, simulator } = stage;
  // Not found by a look: it is the refusal that tells of it.
  await simulator.control.configure({ version: NEXT, refusedVersion: GOOD });
  await Promise.all(REFUSED.map((id) => engine.api(`POST /sessions/${id}/restart`)));
  await fleet.becomes(GOOD, "refused");
  for (const id of REFUSED)
    await until(`${id} to be back`, async () => {
      const { body } = await engine.api(`GET /sessions/${id}/status`);
      return body.status === "connected" && body.whatsappVersion === NEXT;
    });
  expect((await engine.api("GET /sessions/s4/status")).body).toMatchObject({
    status: "connected",
    whatsappVersion: GOOD,
  });

  const { builds, whatsappVersion } = await fleet.canary();
  expect(whatsappVersion).toBeNull(); // nothing is proven now
  expect(builds.find((build) => build.whatsappVersion === GOOD)).toMatchObject({
    state: "refused",
    why: expect.stringMatching(/session 's[0-3]' was told/),
  });
});

it("has the one follow whose page still stands, once another build is proven", async () => {
  const { simulator } = stage;
  // Only what happens after a build is found is counted for it.
  await fleet.becomes(NEXT, "found");
  await fleet.send(0, MESSAGES);
  for (const { account } of fleet.sessions)
    await simulator.control.deliver(account, { from: "6281999999999", body: "hello again" });
  await fleet.becomes(NEXT, "proven");
  await until("it to be on it", async () => (await versions()).every((version) => version === NEXT), {
    timeoutMs: 60_000,
    seen: fleet.builds,
  });
  await fleet.allSent();
  await fleet.hasSentOnce(PROVING + MESSAGES);
}, 240_000);
