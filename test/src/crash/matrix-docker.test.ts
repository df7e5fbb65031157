import { afterAll, beforeAll, expect, it } from "vitest";
import type { Step } from "@whatsapp-engine/contract/steps";
import { makeDataFolder } from "../support/data-folder.ts";
import { query } from "../support/database.ts";
import { createDeath, type Death } from "../support/death.ts";
import { containerOf, startedAt } from "../support/docker.ts";
import { onDocker } from "../support/runtimes.ts";
import { linkSession, takenBy } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { allSettled, findLies } from "../support/truth.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const FRIEND = "6281200000001";
const STEPS: readonly Step[] = [
  "message.committed",
  "message.before_call",
  "message.answered",
  "message.settled",
  "event.before_commit",
];

/** Here the runner lives on and goes on sending while nobody listens, which no child process does. */
onDocker("a control plane killed at a named step, over runners that live on", () => {
  const folder = makeDataFolder();
  const death: Death = createDeath(folder.path);
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("docker", death.settings, { nodeArgs: death.nodeArgs });
    await linkSession(stage.engine, stage.simulator, "a", ACCOUNT);
  });
  afterAll(async () => {
    await stage.close();
    folder.remove();
  });

  it.each(STEPS)("%s: every message goes out once, every event is told once", async (step) => {
    const { engine, simulator } = stage;
    const container = await startedAt(await containerOf(engine.installId, "a"));
    const send = (message: string) =>
      engine.api("POST /sessions/a/send", { to: FRIEND, message, async: true });
    const first = `first ${step}`;
    const ofEvent = step.startsWith("event.");
    if (ofEvent) await send(first);
    death.order(step, ofEvent ? { type: "message_received" } : {});
    const answered = ofEvent ? undefined : send(first).catch(() => undefined);
    await simulator.control.deliver(ACCOUNT, { from: FRIEND, body: `inbound ${step}` });
    await death.happened();
    await answered;
    await engine.restart();
    expect((await send(`second ${step}`)).status).toBe(202);
    await allSettled(engine.dataDir);
    await until("the inbound message to be told", () => {
      const told =
        "select id from events where type = 'message.received' and json_extract(data, '$.body') = ?";
      return query(engine.dataDir, told, `inbound ${step}`).length > 0;
    });

    const taken = (await takenBy(simulator, ACCOUNT, FRIEND)).map(({ body }) => body);
    expect(taken.filter((body) => body.endsWith(step))).toEqual([first, `second ${step}`]);
    expect(query(engine.dataDir, "select distinct status from messages")).toEqual([{ status: "sent" }]);
    expect(await findLies(engine.dataDir, simulator)).toEqual({ doubled: [], lies: [] });
    expect(await startedAt(await containerOf(engine.installId, "a"))).toBe(container);
  });
});
