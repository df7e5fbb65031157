import { afterAll, beforeAll, expect, it } from "vitest";
import type { UnlinkOutcome } from "@whatsapp-engine/contract/api";
import type { Step } from "@whatsapp-engine/contract/steps";
import { makeDataFolder } from "../support/data-folder.ts";
import { query } from "../support/database.ts";
import { createDeath, type Death } from "../support/death.ts";
import type { RuntimeKind } from "../support/engine.ts";
import { lastSeq, statusEvents } from "../support/events.ts";
import { findLeftovers } from "../support/leftovers.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { scan, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const FRIEND = "6281200000001";
/** Well below the 30 s after which the engine looks at everything again: what it does is not to wait for that. */
const IN_ORDER_MS = 15_000;

/** What session `s` is: before a call, and in the end. */
type Situation = "absent" | "code" | "connected" | "stopped" | "hibernated" | "unlinked";
/** What the call answers when it is made again after the crash. */
type Again = { status: number; unlinked?: UnlinkOutcome };
type Verb = {
  name: string;
  call: string;
  of: Situation;
  becomes: Situation;
  steps: Partial<Record<Step, Again>>;
};

const DONE: Again = { status: 200 };
const GONE: Again = { status: 404 };

/** A verb more is a row more, with a `Situation` of its own where it ends in one. */
const VERBS: readonly Verb[] = [
  {
    name: "create",
    call: "POST /sessions/create",
    of: "absent",
    becomes: "code",
    steps: {
      "session.before_commit": { status: 201 },
      "session.committed": DONE,
      "runner.row_written": DONE,
      "runner.named": DONE,
      "profile.made": DONE,
      "runner.made": DONE,
      "runner.started": DONE,
      "runner.attached": DONE,
    },
  },
  {
    name: "delete",
    call: "DELETE /sessions/s",
    of: "code",
    becomes: "absent",
    steps: { "runner.removed": GONE, "profile.removed": GONE, "session.forgotten": GONE },
  },
  {
    name: "restart",
    call: "POST /sessions/s/restart",
    of: "connected",
    becomes: "connected",
    steps: {
      "session.start_committed": DONE,
      "runner.stopped": DONE,
      "runner.removed": DONE,
      "runner.made": DONE,
      "runner.started": DONE,
    },
  },
  {
    name: "stop",
    call: "POST /sessions/s/stop",
    of: "connected",
    becomes: "stopped",
    steps: { "session.stop_committed": DONE, "runner.stopped": DONE, "runner.removed": DONE },
  },
  {
    name: "start",
    call: "POST /sessions/s/start",
    of: "stopped",
    becomes: "connected",
    steps: {
      "session.start_committed": DONE,
      "runner.row_written": DONE,
      "runner.named": DONE,
      "runner.attached": DONE,
    },
  },
  {
    name: "hibernate",
    call: "POST /sessions/s/hibernate",
    of: "connected",
    becomes: "hibernated",
    steps: { "session.hibernate_committed": DONE, "runner.stopped": DONE, "runner.removed": DONE },
  },
  {
    name: "wake by a message",
    call: "POST /sessions/s/send",
    of: "hibernated",
    becomes: "connected",
    steps: {
      "message.committed": DONE,
      "session.start_committed": DONE,
      "runner.row_written": DONE,
      "runner.named": DONE,
      "runner.started": DONE,
      "runner.attached": DONE,
    },
  },
  {
    name: "logout",
    call: "POST /sessions/s/logout",
    of: "connected",
    becomes: "unlinked",
    steps: {
      "runner.logged_out": { status: 200, unlinked: "not_linked" },
      "session.logout_committed": { status: 200, unlinked: "not_linked" },
    },
  },
  {
    name: "logout",
    call: "POST /sessions/s/logout",
    of: "stopped",
    becomes: "unlinked",
    steps: {
      "runner.row_written": { status: 200, unlinked: "done" },
      "runner.started": { status: 200, unlinked: "done" },
    },
  },
  {
    name: "delete",
    call: "DELETE /sessions/s",
    of: "connected",
    becomes: "absent",
    steps: { "session.delete_committed": GONE, "runner.logged_out": GONE },
  },
];

/** What one runtime does in a step of its own. */
const ONLY_ON: Partial<Record<Step, RuntimeKind>> = { "profile.made": "process", "runner.stopped": "docker" };

onEachRuntime("a control plane killed at a named step of a session's life", (runtime) => {
  const folder = makeDataFolder();
  const death: Death = createDeath(folder.path);
  let stage: Stage;
  /** Each login is another phone's, so that its links can be counted. */
  let phones = 0;
  let account = "";
  /** No code may be shown after this event, as long as the account is linked. */
  let linkedSince: number | null = null;

  beforeAll(async () => {
    stage = await startStage(runtime, death.settings, { nodeArgs: death.nodeArgs });
    await stage.engine.api("POST /sessions/create", { sessionId: "resting" });
    await stage.engine.api("POST /sessions/resting/stop");
  });
  afterAll(async () => {
    await stage.close();
    folder.remove();
  });

  /** Each row's message says something else: after a kill the same again would be the message of the row before. */
  let said = "";
  const bodies = (): Readonly<Record<string, object>> => ({
    "POST /sessions/create": { sessionId: "s" },
    "POST /sessions/s/send": { to: FRIEND, message: said },
  });
  const call = (call: string) => stage.engine.api(call, bodies()[call]);
  const row = () => query(stage.engine.dataDir, "select * from sessions where id = 's'")[0];
  const links = () => stage.simulator.control.linkedDevices(account);

  async function link() {
    account = `62812345${String(++phones).padStart(5, "0")}`;
    await scan(stage.engine, stage.simulator, "s", account);
    await waitForStatus(stage.engine, "s", "connected");
    linkedSince = lastSeq(stage.engine, "s");
  }

  /** Calls of the API that bring the session to where a row begins. */
  const bring: Record<Exclude<Situation, "unlinked">, () => Promise<void>> = {
    async absent() {
      if (row()) await call("DELETE /sessions/s");
      linkedSince = null;
    },
    async code() {
      if (linkedSince !== null) await call("POST /sessions/s/logout");
      linkedSince = null;
      await call("POST /sessions/create");
      await waitForStatus(stage.engine, "s", "qr_ready");
    },
    async connected() {
      await call("POST /sessions/create");
      if (linkedSince === null) await link();
      await is.connected();
    },
    async stopped() {
      await bring.connected();
      await call("POST /sessions/s/stop");
    },
    async hibernated() {
      await bring.connected();
      await until(
        "nothing to be under way",
        async () => (await call("POST /sessions/s/hibernate")).status === 200,
      );
    },
  };

  const isLinkedStill = async () => {
    expect(await links()).toBe(1);
    const seen = statusEvents(stage.engine, "s", linkedSince ?? 0).map(({ status }) => status);
    expect(seen).not.toContain("qr_ready");
    expect(seen).not.toContain("auth_failed");
  };
  /** Holds that the session is in this situation, or comes to it by itself. */
  const is: Record<Situation, () => Promise<void>> = {
    async absent() {
      expect((await call("GET /sessions/s/status")).status).toBe(404);
      expect(row()).toBeUndefined();
      linkedSince = null;
    },
    async code() {
      await waitForStatus(stage.engine, "s", "qr_ready");
    },
    async connected() {
      await waitForStatus(stage.engine, "s", "connected");
      await isLinkedStill();
    },
    async stopped() {
      expect(row()).toMatchObject({ desired: "stopped", status: "disconnected", reason: "stopped" });
      await isLinkedStill();
    },
    async hibernated() {
      expect(row()).toMatchObject({ desired: "asleep", status: "disconnected", reason: "hibernated" });
      await isLinkedStill();
    },
    async unlinked() {
      expect(row()).toMatchObject({ desired: "stopped", status: "disconnected", reason: "logged_out" });
      expect(await links()).toBe(0);
      linkedSince = null;
    },
  };

  async function nothingIsLeftOver() {
    let last: string[] = [];
    await until(
      "every session to have what it should, and nothing else to be there",
      async () => (last = await findLeftovers(stage.engine)).length === 0,
      { timeoutMs: IN_ORDER_MS, seen: () => last },
    );
  }

  const rows = VERBS.flatMap((verb) =>
    Object.entries(verb.steps).map(([step, again]) => ({ verb, step: step as Step, again })),
  ).filter(({ step }) => [undefined, runtime].includes(ONLY_ON[step]));

  it.each(rows)("$verb.name of a session that is $verb.of, at $step", async ({ verb, step, again }) => {
    const { engine } = stage;
    const { name, of, becomes } = verb;
    said = `wake up at ${step}`;
    if (of !== "unlinked") await bring[of]();
    death.order(step);
    const cutOff = call(verb.call).catch(() => undefined);
    await death.happened();
    await cutOff;
    await engine.restart();
    await nothingIsLeftOver();

    const { status, body, text } = await call(verb.call);
    expect({ status, unlinked: body.unlinked }, text).toEqual({ unlinked: undefined, ...again });
    await is[becomes]();
    await nothingIsLeftOver();
    if (name === "delete" && step === "runner.logged_out") expect(await links()).toBe(0);
  });

  it("sends by the login that came through", async () => {
    await bring.connected();
    const answer = await stage.engine.api("POST /sessions/s/send", { to: FRIEND, message: "still here" });
    expect(answer.body, answer.text).toMatchObject({ status: "sent" });
    expect(await takenBy(stage.simulator, account, FRIEND)).toContainEqual(
      expect.objectContaining({ body: "still here" }),
    );
  });
});
