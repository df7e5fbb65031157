import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Step } from "@whatsapp-engine/contract";
import { canarySettings, createFleet, GOOD, NO_MEDIA, PROVING } from "../support/canary.ts";
import { makeDataFolder } from "../support/data-folder.ts";
import { createDeath } from "../support/death.ts";
import { waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const STEPS: readonly Step[] = ["canary.begun", "canary.ready", "canary.rejected"];
const MESSAGES = 10;

describe("a control plane killed while a build of WhatsApp Web is tried", () => {
  const folder = makeDataFolder();
  const death = createDeath(folder.path);
  let stage: Stage;
  let fleet: ReturnType<typeof createFleet>;
  beforeAll(async () => {
    stage = await startStage(
      "process",
      { ...canarySettings, ...death.settings },
      { nodeArgs: death.nodeArgs },
    );
    fleet = createFleet(stage, 2);
    await fleet.begin();
  }, 180_000);
  afterAll(async () => {
    await stage?.close();
    folder.remove();
  });

  it.each(STEPS)(
    "at %s: one session tried it, and is back; nothing is lost or doubled",
    async (step) => {
      const { engine, simulator } = stage;
      const round = STEPS.indexOf(step);
      // Another build each time, which fails in the same way.
      const version = NO_MEDIA.version.replace(/.$/, String(round));
      death.order(step);
      await simulator.control.configure({ version, ways: NO_MEDIA.ways });
      // What it is rejected by.
      const send = () => fleet.send(round * MESSAGES, MESSAGES);
      if (step === "canary.rejected") await fleet.becomes(version, "trying").then(send);
      await until("the control plane to die", death.isDone, { timeoutMs: 90_000, seen: fleet.builds });
      await engine.restart();
      for (const { id } of fleet.sessions) await waitForStatus(engine, id, "connected");
      if (step !== "canary.rejected") await send();
      await fleet.becomes(version, "rejected");
      await fleet.allSent();
      for (const { id } of fleet.sessions) {
        const { body } = await engine.api(`GET /sessions/${id}/status`);
        expect(body).toMatchObject({ status: "connected", whatsappVersion: GOOD });
      }
      expect(fleet.builds().filter(({ state }) => state === "trying")).toEqual([]);
    },
    240_000,
  );

  it("each message went out once", () => fleet.hasSentOnce(PROVING + STEPS.length * MESSAGES));
});
