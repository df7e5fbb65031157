import { afterAll, beforeAll, expect, it } from "vitest";
import type { Step } from "@whatsapp-engine/contract/steps";
import { canarySettings, createFleet, GOOD, NO_MEDIA, PROVING } from "../support/canary.ts";
import { makeDataFolder } from "../support/data-folder.ts";
import { createDeath } from "../support/death.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** On the way of a build that fails. */
const STEPS: readonly Step[] = ["canary.found", "canary.begun", "canary.ready", "canary.rejected"];
/** What each session sends on each build. */
const MESSAGES = 10;
const NEXT = "2.3000.1049300000";
const AFTER_NEXT = "2.3000.1049400000";

onEachRuntime("a control plane killed on the way from one build of WhatsApp Web to the next", (runtime) => {
  const folder = makeDataFolder();
  const death = createDeath(folder.path);
  let stage: Stage;
  let fleet: ReturnType<typeof createFleet>;
  let sent = 0;
  beforeAll(async () => {
    stage = await startStage(runtime, { ...canarySettings, ...death.settings }, { nodeArgs: death.nodeArgs });
    fleet = createFleet(stage, 2);
    await fleet.begin();
  }, 180_000);
  afterAll(async () => {
    await stage?.close();
    folder.remove();
  });

  const send = async () => {
    await fleet.send(sent, MESSAGES);
    sent += MESSAGES;
  };
  const restartDead = async () => {
    await until("the control plane to die", death.isDone, { timeoutMs: 90_000, seen: fleet.builds });
    await stage.engine.restart();
  };
  const allOn = (version: string) =>
    until(
      `all to be on ${version}`,
      async () => {
        const { body } = await stage.engine.api("GET /sessions");
        const sessions = body.sessions as unknown as { status: string; whatsappVersion: string }[];
        return sessions.every((one) => one.status === "connected" && one.whatsappVersion === version);
      },
      { timeoutMs: 60_000, seen: fleet.builds },
    );

  it.each(STEPS)(
    "at %s: one session tried it, and is back; nothing is lost or doubled",
    async (step) => {
      const { simulator } = stage;
      // Another build each time, which fails in the same way.
      const version = NO_MEDIA.version.replace(/.$/, String(STEPS.indexOf(step)));
      death.order(step);
      await simulator.control.configure({ version, ways: NO_MEDIA.ways });
      // What it is rejected by.
      const fail = () => fleet.isTriedOn(version).then(send);
      if (step === "canary.rejected") await fail();
      await restartDead();
      if (step !== "canary.rejected") await fail();
      await fleet.becomes(version, "rejected");
      await fleet.allSent();
      await allOn(GOOD);
      expect(fleet.builds().filter(({ state }) => state === "trying")).toEqual([]);
    },
    240_000,
  );

  it("at canary.proven: the others take it over at their next start", async () => {
    const { engine, simulator } = stage;
    death.order("canary.proven");
    await simulator.control.configure({ version: NEXT, ways: {} });
    await fleet.isTriedOn(NEXT).then(send);
    for (const { account } of fleet.sessions)
      await simulator.control.deliver(account, { from: "6281999999999", body: "hello" });
    await restartDead();
    expect(fleet.stateOf(NEXT)).toBe("proven");
    for (const { id } of fleet.sessions) await engine.api(`POST /sessions/${id}/restart`);
    await allOn(NEXT);
    await fleet.allSent();
  }, 240_000);

  it("at canary.refused: they go on with what is served", async () => {
    const { engine, simulator } = stage;
    death.order("canary.refused");
    await simulator.control.configure({ version: AFTER_NEXT, refusedVersion: NEXT });
    for (const { id } of fleet.sessions) await engine.api(`POST /sessions/${id}/restart`);
    await restartDead();
    await allOn(AFTER_NEXT);
    await send();
    await fleet.allSent();
  }, 240_000);

  it("each message went out once", () => fleet.hasSentOnce(PROVING + sent));
});
