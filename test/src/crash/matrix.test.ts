import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Step } from "@whatsapp-engine/contract/steps";
import type { Simulator } from "@whatsapp-engine/simulator";
import { makeDataFolder } from "../support/data-folder.ts";
import { query } from "../support/database.ts";
import { createDeath, type Death } from "../support/death.ts";
import type { Engine } from "../support/engine.ts";
import { killRunner, loginIsOnDisk } from "../support/runner.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { allSettled, findLies } from "../support/truth.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const FRIEND = "6281200000001";

type Dying = { dies: "control plane" | "runner"; step: Step };

/**
 * What a message has come to once all is settled. `unknown` may stand only between the call and the ack. In turns: a
 * runner that fails again and again is started later each time, until the control plane begins anew.
 */
const SENDS: readonly (Dying & { becomes: "sent" | "unknown" })[] = [
  // Never accepted: it is there because its caller, who had no answer, asked again.
  { dies: "control plane", step: "message.before_commit", becomes: "sent" },
  { dies: "runner", step: "send.received", becomes: "sent" },
  { dies: "control plane", step: "message.committed", becomes: "sent" },
  { dies: "runner", step: "send.before_key_journaled", becomes: "sent" },
  { dies: "control plane", step: "message.before_call", becomes: "sent" },
  // WhatsApp's code was about to get it, and nobody can say whether it did.
  { dies: "runner", step: "send.key_journaled", becomes: "unknown" },
  { dies: "control plane", step: "message.answered", becomes: "sent" },
  { dies: "runner", step: "send.taken", becomes: "sent" },
  { dies: "control plane", step: "message.settled", becomes: "sent" },
  { dies: "runner", step: "send.before_answer", becomes: "sent" },
];
const INBOUND: readonly Dying[] = [
  { dies: "control plane", step: "event.before_commit" },
  { dies: "runner", step: "event.before_journaled" },
  { dies: "control plane", step: "event.committed" },
  { dies: "runner", step: "event.journaled" },
];
const CALLERS = ["async", "sync"] as const;

/** Whatever is killed, when: each message ends in one true state, and no event is lost or told twice. */
describe("a process killed at a named step", () => {
  const folder = makeDataFolder();
  const death: Death = createDeath(folder.path);
  let stage: Stage;
  let engine: Engine;
  let simulator: Simulator;
  beforeAll(async () => {
    stage = await startStage("process", death.settings, { nodeArgs: death.nodeArgs });
    ({ engine, simulator } = stage);
    await linkSession(engine, simulator, "a", ACCOUNT);
    await loginIsOnDisk(engine, "a");
  });
  afterAll(async () => {
    await stage.close();
    folder.remove();
  });

  /** As a caller does who holds an idempotency key: asked again until there is an answer. */
  async function send(message: string, how: "async" | "sync") {
    return until(`an answer about '${message}'`, async () => {
      const answer = await engine
        .api(
          "POST /sessions/a/send",
          { to: FRIEND, message, async: how === "async" },
          { headers: { "Idempotency-Key": message } },
        )
        .catch(() => undefined);
      return answer !== undefined && answer.status < 300 && answer;
    });
  }
  const rowsOf = (message: string) => query(engine.dataDir, "select * from messages where body = ?", message);
  const taken = async (message: string) =>
    (await takenBy(simulator, ACCOUNT, FRIEND)).filter(({ body }) => body === message);

  /** A killed runner comes back by itself. */
  async function recover(dies: Dying["dies"]) {
    if (dies === "control plane") await engine.restart();
    await waitForStatus(engine, "a", "connected");
  }

  for (const how of CALLERS)
    it.each(SENDS)(`${how} message: $dies at $step`, async ({ dies, step, becomes }) => {
      const message = `${how} ${step}`;
      death.order(step);
      const answered = send(message, how);
      await death.happened();
      await recover(dies);
      const { body } = await answered;
      await allSettled(engine.dataDir);

      const rows = rowsOf(message);
      expect(rows.map(({ id, status }) => ({ id, status }))).toEqual([
        { id: body.messageId, status: becomes },
      ]);
      expect(await taken(message)).toHaveLength(becomes === "sent" ? 1 : 0);
      expect(await findLies(engine.dataDir, simulator)).toEqual({ doubled: [], lies: [] });
    });

  it("bulk: control plane after all of its messages are on disk, before it is accepted", async () => {
    const recipients = Array.from({ length: 300 }, (_, at) => ({
      to: `62812900${1_000 + at}`,
      message: `in portions ${at}`,
    }));
    const bulk = () => engine.api("POST /sessions/a/messages/bulk", { clientBulkId: "dies", recipients });
    const rows = () => query(engine.dataDir, "select id from messages where body like 'in portions %'");
    death.order("bulk.before_commit");
    await expect(bulk()).rejects.toThrow();
    await death.happened();
    expect(rows()).toHaveLength(300);
    await recover("control plane");
    expect(rows()).toEqual([]);

    const { status, body } = await bulk();
    expect(status).toBe(202);
    expect((await engine.api(`POST /sessions/a/messages/bulk/${body.bulk?.bulkId}/cancel`)).status).toBe(200);
    await allSettled(engine.dataDir);
    expect(rows()).toHaveLength(300);
    expect(await findLies(engine.dataDir, simulator)).toEqual({ doubled: [], lies: [] });
  });

  it.each([
    { queue: "send", becomes: "sent" },
    { queue: "lose", becomes: "unknown" },
  ] as const)(
    "runner between WhatsApp's taking and its ack, whose queue does $queue",
    async ({ queue, becomes }) => {
      const message = `not acknowledged, ${queue}`;
      await simulator.control.configure({ queueAfterRestart: queue });
      await simulator.control.fault({ kind: "silence", taken: true });
      const answered = send(message, "async");
      await until("WhatsApp to take the message", async () => (await taken(message)).length === 1);
      await killRunner(engine, "a");
      await answered;
      await allSettled(engine.dataDir);
      await simulator.control.configure({ queueAfterRestart: "send" });

      expect(rowsOf(message)).toMatchObject([{ status: becomes }]);
      expect(await taken(message)).toHaveLength(1);
      expect(await findLies(engine.dataDir, simulator)).toEqual({ doubled: [], lies: [] });
    },
  );

  it.each(INBOUND)("inbound message: $dies at $step", async ({ dies, step }) => {
    const message = `inbound ${step}`;
    death.order(step, { type: "message_received" });
    await simulator.control.deliver(ACCOUNT, { from: FRIEND, body: message });
    await death.happened();
    await recover(dies);
    const told = () =>
      query(
        engine.dataDir,
        "select id from events where type = 'message.received' and json_extract(data, '$.body') = ?",
        message,
      );
    await until(`'${message}' to be among the events`, () => told().length > 0);
    // What is told later would be told twice; a message of our own comes after it in the journal.
    await send(`after ${step}`, "sync");
    expect(told()).toHaveLength(1);
    expect(await findLies(engine.dataDir, simulator)).toEqual({ doubled: [], lies: [] });
  });

  it("left as unknown only what died between the call and the ack, and counts it", async () => {
    const unknown = query(engine.dataDir, "select body from messages where status = 'unknown' order by body");
    expect(unknown.map(({ body }) => body)).toEqual([
      "async send.key_journaled",
      "not acknowledged, lose",
      "sync send.key_journaled",
    ]);
    const [overview] = query(engine.dataDir, "select messages_unknown from session_overview");
    expect(overview).toEqual({ messages_unknown: 3 });
  });
});
