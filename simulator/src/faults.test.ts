import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Fault } from "./faults.ts";
import { startSimulator, type Simulator } from "./simulator.ts";
import { ackOf, createBench, MessageMedia, type Bench, type Client } from "./test-client.ts";

const PHONE = "6281234567890";
const FRIEND = "6281200000001@c.us";

describe("faults of a send", () => {
  let simulator: Simulator;
  let bench: Bench;
  let client: Client;

  beforeAll(async () => {
    simulator = await startSimulator({ build: "spring-2026" });
    bench = createBench(simulator);
    ({ client } = await bench.link(PHONE));
  });
  afterAll(() => bench.close());
  beforeEach(() => simulator.control.clearFaults());

  const bodies = async () => (await simulator.control.sent(PHONE)).map(({ body }) => body);
  /** What the call came to, or that it has not when a send after it has come back. */
  const outcome = async (fault: Fault, body: string) => {
    await simulator.control.fault(fault);
    const call = client.sendMessage(FRIEND, body).then(
      (message) => (message === undefined ? "undefined" : "message"),
      () => "thrown",
    );
    if (fault.kind !== "hang") return call;
    return Promise.race([call, client.sendMessage(FRIEND, `after ${body}`).then(() => "nothing")]);
  };

  it.each<{ fault: Fault; answer: string; taken: boolean }>([
    { fault: { kind: "undefined" }, answer: "undefined", taken: true },
    { fault: { kind: "throw", taken: false }, answer: "thrown", taken: false },
    { fault: { kind: "throw", taken: true }, answer: "thrown", taken: true },
    { fault: { kind: "strand" }, answer: "thrown", taken: false },
    { fault: { kind: "hang", taken: false }, answer: "nothing", taken: false },
    { fault: { kind: "hang", taken: true }, answer: "nothing", taken: true },
    { fault: { kind: "silence", taken: false }, answer: "message", taken: false },
    { fault: { kind: "silence", taken: true }, answer: "message", taken: true },
    { fault: { kind: "late", ackMs: 50 }, answer: "message", taken: true },
  ])("$fault: the call comes to $answer, taken: $taken", async ({ fault, answer, taken }) => {
    const body = JSON.stringify(fault);
    expect(await outcome(fault, body)).toBe(answer);
    await client.sendMessage(FRIEND, `then ${body}`);
    expect((await bodies()).includes(body)).toBe(taken);
  });

  it("refuses with ack -1", async () => {
    await simulator.control.fault({ kind: "refuse" });
    const refused = ackOf(client, "refused", -1);
    await client.sendMessage(FRIEND, "refused");
    await refused;
    expect(await bodies()).not.toContain("refused");
  });

  it("meets one recipient only, again and again", async () => {
    await simulator.control.fault({ kind: "throw", taken: false }, { to: "+62 812 0000 0005" });
    await expect(client.sendMessage("6281200000005@c.us", "never")).rejects.toThrow("simulated failure");
    await expect(client.sendMessage("6281200000005@c.us", "never")).rejects.toThrow("simulated failure");
    await client.sendMessage(FRIEND, "to another");
    expect(await bodies()).toContain("to another");
  });

  it("fails uploads", async () => {
    await simulator.control.configure({ uploadsFail: true });
    const media = new MessageMedia("image/png", "AAAA", "a.png");
    await expect(client.sendMessage(FRIEND, media)).rejects.toThrow("media entry was not created");
    await simulator.control.configure({ uploadsFail: false });
  });
});
