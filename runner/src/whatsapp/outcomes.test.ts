import type { StreamLine } from "@whatsapp-engine/contract/runner";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../test-support/eventually.ts";
import type { RunnerUnderTest } from "../test-support/run-runner.ts";
import { ACCOUNT, FRIEND, makeWorld, type World } from "../test-support/world.ts";

const settledEvent = (messageId: string) => (line: StreamLine) =>
  line.line === "event" && line.event.type === "send_settled" && line.event.record.messageId === messageId;

describe("what the library answers decides nothing", () => {
  let world: World;
  let runner: RunnerUnderTest;
  beforeAll(async () => {
    world = await makeWorld();
    runner = await world.link();
  });
  afterAll(() => world.end());
  afterEach(() => world.simulator.control.clearFaults());

  const sentBodies = async () => (await world.simulator.control.sent()).map(({ body }) => body);

  test.each([
    ["undefined", { kind: "undefined" }, "sent"],
    ["an exception, and it went out", { kind: "throw", taken: true }, "sent"],
    ["an exception before there was a message", { kind: "throw", taken: false }, "not_sent"],
    ["an exception, and how the sending ended is not told", { kind: "strand" }, "unknown"],
    ["no answer, and it went out", { kind: "hang", taken: true }, "sent"],
    ["ack -1", { kind: "refuse" }, "not_sent"],
  ] as const)("%s: %s ends as %s", async (name, fault, outcome) => {
    await world.simulator.control.fault(fault);
    const record = await runner.send({ messageId: name, to: FRIEND, text: name });
    expect(record.outcome).toBe(outcome);
    expect(await sentBodies()).toEqual(expect.arrayContaining(outcome === "sent" ? [name] : []));
    expect((await sentBodies()).includes(name)).toBe(outcome === "sent");
    // Asked again, it is the same record, and nothing goes out again.
    expect(await runner.send({ messageId: name, to: FRIEND, text: name })).toEqual(record);
    expect((await sentBodies()).filter((body) => body === name)).toHaveLength(outcome === "sent" ? 1 : 0);
  });

  test("an error of the page is kept with where it came from", async () => {
    await world.simulator.control.fault({ kind: "throw", taken: false });
    const { error } = await runner.send({ messageId: "page error", to: FRIEND, text: "page error" });
    expect(error).toMatchObject({ code: "page_error" });
    // As the newest build has it.
    expect(error?.message).toMatch(/an error without words \("r: r", at .+:\d+:\d+\)/);
  });

  test("an ack that comes late is told as an event", async () => {
    await world.simulator.control.fault({ kind: "late", ackMs: 500 });
    const command = { messageId: "late", to: FRIEND, text: "late" };
    expect(await runner.send({ ...command, timeoutMs: 50 })).toMatchObject({ outcome: "pending" });
    // Neither does a caller who joins meanwhile send it again.
    expect(await runner.send({ ...command, timeoutMs: 0 })).toMatchObject({ outcome: "pending" });
    const line = await runner.line(settledEvent("late"));
    expect(line).toMatchObject({ event: { record: { outcome: "sent", ack: 1 } } });
    expect((await sentBodies()).filter((body) => body === "late")).toHaveLength(1);
  });

  test("a chat whose last message hangs takes the next one", async () => {
    await world.simulator.control.fault({ kind: "hang", taken: false });
    expect(
      await runner.send({ to: FRIEND, text: "stuck", messageId: "stuck", timeoutMs: 300 }),
    ).toMatchObject({
      outcome: "pending",
    });
    expect(await runner.send({ to: FRIEND, text: "next", messageId: "next" })).toMatchObject({
      outcome: "sent",
    });
  });

  test("offline: nothing is handed over, and the message may be tried again", async () => {
    await world.simulator.control.drop(ACCOUNT);
    await runner.state((state) => state.status === "connecting" && state.reason === "reconnecting");
    const command = { messageId: "offline", to: FRIEND, text: "offline" };
    expect(await runner.send(command)).toMatchObject({
      outcome: "not_sent",
      error: { code: "not_connected" },
    });
    expect((await runner.get("/sends/offline")).status).toBe(404);
    await world.simulator.control.restore(ACCOUNT);
    await eventually(async () => (await runner.send(command)).outcome).toBe("sent");
  });
});

describe("over a restart of the runner", () => {
  let world: World;
  afterEach(() => world.end());

  test.each([
    ["send", "sent"],
    ["lose", "unknown"],
    ["keep", "pending"],
  ] as const)("WhatsApp's queue: %s, the message: %s", async (queueAfterRestart, outcome) => {
    world = await makeWorld();
    const { control } = world.simulator;
    await control.configure({ queueAfterRestart });
    const first = await world.link();
    await control.fault({ kind: "silence", taken: false });
    const command = { messageId: "m", to: FRIEND, text: "queued" };
    expect(await first.send({ ...command, timeoutMs: 2_000 })).toMatchObject({
      outcome: "pending",
      ack: 0,
    });
    await first.stop();

    const second = await world.start();
    await second.state((state) => state.status === "connected");
    if (outcome !== "pending") await second.line(settledEvent("m"));
    expect(await second.send({ ...command, timeoutMs: 300 })).toMatchObject({ outcome });
    const sent = await control.sent();
    expect(sent).toHaveLength(outcome === "sent" ? 1 : 0);
  });

  test("killed before the gate: never heard of, so that it can be sent again, once", async () => {
    world = await makeWorld();
    const { control } = world.simulator;
    await (await world.link()).stop(); // so that the login is on the disk
    await control.configure({ delays: { findMs: 60_000 } });
    const first = await world.start();
    await first.state((state) => state.status === "connected");
    const lost = first.send({ messageId: "m", to: FRIEND, text: "later" }).catch(() => null);
    await eventually(async () => (await first.get("/sends/m")).status).toBe(200);
    await first.kill();
    expect(await lost).toBeNull();

    await control.configure({ delays: { findMs: 0 } });
    const second = await world.start();
    await second.state((state) => state.status === "connected");
    expect((await second.get("/sends/m")).status).toBe(404);
    expect(await control.sent()).toEqual([]);
    expect(await second.send({ messageId: "m", to: FRIEND, text: "later" })).toMatchObject({
      outcome: "sent",
    });
    expect(await control.sent()).toHaveLength(1);
  });

  test("killed right after the message left: sent, and never again", async () => {
    world = await makeWorld();
    const { control } = world.simulator;
    await (await world.link()).stop(); // so that the login is on the disk
    const first = await world.start();
    await first.state((state) => state.status === "connected");
    await control.fault({ kind: "silence", taken: true });
    const command = { messageId: "m", to: FRIEND, text: "gone" };
    const lost = first.send({ ...command, timeoutMs: 10_000 }).catch(() => null);
    await eventually(control.sent).toHaveLength(1);
    await first.kill();
    expect(await lost).toBeNull();

    const second = await world.start();
    await second.line(settledEvent("m"));
    expect(await second.send(command)).toMatchObject({ outcome: "sent" });
    expect(await control.sent()).toHaveLength(1);
  });
});
