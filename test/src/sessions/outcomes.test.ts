import { afterAll, beforeAll, expect, it } from "vitest";
import type { Fault } from "@whatsapp-engine/simulator";
import { query } from "../support/database.ts";
import { killRunner, loginIsOnDisk } from "../support/runner.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";

type Case = {
  name: string;
  to: string;
  fault: Fault;
  /** What the caller is told at once. */
  http: number;
  /** What the API says in the end. */
  final: string;
  /** How often WhatsApp has it. */
  taken: 0 | 1;
};

const cases: Case[] = [
  {
    name: "undefined",
    to: "6281300000001",
    fault: { kind: "undefined" },
    http: 200,
    final: "sent",
    taken: 1,
  },
  {
    name: "an exception, and WhatsApp took it",
    to: "6281300000002",
    fault: { kind: "throw", taken: true },
    http: 200,
    final: "sent",
    taken: 1,
  },
  {
    name: "an exception before there was a message",
    to: "6281300000003",
    fault: { kind: "throw", taken: false },
    http: 422,
    final: "failed",
    taken: 0,
  },
  {
    name: "an exception, and how the sending ended is not told",
    to: "6281300000008",
    fault: { kind: "strand" },
    http: 202,
    final: "unknown",
    taken: 0,
  },
  {
    name: "nothing ever, and WhatsApp took it",
    to: "6281300000004",
    fault: { kind: "hang", taken: true },
    http: 200,
    final: "sent",
    taken: 1,
  },
  {
    name: "nothing ever, and WhatsApp did not take it",
    to: "6281300000005",
    fault: { kind: "hang", taken: false },
    http: 202,
    final: "unknown",
    taken: 0,
  },
  {
    name: "ack -1",
    to: "6281300000006",
    fault: { kind: "refuse" },
    http: 422,
    final: "failed",
    taken: 0,
  },
  {
    name: "an ack later than the caller waits",
    to: "6281300000007",
    fault: { kind: "late", ackMs: 12_000 },
    http: 202,
    final: "sent",
    taken: 1,
  },
];

/** Whatever the library says: the message's status becomes what happened, and it never goes out twice. */
onEachRuntime("the outcome of a send", (runtime) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage(runtime, { SEND_TIMEOUT_SECONDS: "4" });
    await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
  });
  afterAll(() => stage.close());

  const statusOf = (messageId: string | undefined) =>
    query(stage.engine.dataDir, "select status from messages where id = ?", messageId)[0]?.["status"];
  const becomes = (messageId: string | undefined, status: string, timeoutMs = 50_000) =>
    until(`message ${messageId} to be ${status}`, () => statusOf(messageId) === status, {
      timeoutMs,
      seen: () => statusOf(messageId),
    });
  const timesTaken = async (to: string) => (await takenBy(stage.simulator, ACCOUNT, to)).length;
  const send = (to: string, message = "hello") => stage.engine.api("POST /sessions/s/send", { to, message });
  const idOf = ({ body }: Awaited<ReturnType<typeof send>>) =>
    body.messageId ?? (body.error as { messageId?: string } | undefined)?.messageId;

  it.concurrent.each(cases)("when the library answers $name", async ({ to, fault, http, final, taken }) => {
    await stage.simulator.control.fault(fault, { to });
    const answer = await send(to);
    expect(answer.status, answer.text).toBe(http);
    if (http === 200) expect(answer.body).toMatchObject({ success: true, status: "sent" });
    if (http === 202)
      expect(answer.body).toMatchObject({ success: true, status: expect.stringMatching(/sending|unknown/) });
    if (http === 422)
      expect(answer.body.error?.code).toBe(fault.kind === "throw" ? "page_error" : "send_failed");
    await becomes(idOf(answer), final);
    expect(await timesTaken(to)).toBe(taken);
  });

  it.concurrent("when no ack comes for what WhatsApp took, until one does", async () => {
    const to = "6281300000010";
    await stage.simulator.control.fault({ kind: "silence", taken: true }, { to });
    const answer = await send(to);
    expect(answer).toMatchObject({
      status: 202,
      body: { status: "sending", whatsappId: expect.any(String) },
    });
    await stage.simulator.control.ack(ACCOUNT, answer.body.whatsappId ?? "", 1);
    await becomes(answer.body.messageId, "sent");
    await stage.simulator.control.ack(ACCOUNT, answer.body.whatsappId ?? "", 2);
    await becomes(answer.body.messageId, "delivered");
    await stage.simulator.control.ack(ACCOUNT, answer.body.whatsappId ?? "", 3);
    await becomes(answer.body.messageId, "read");
    expect(await timesTaken(to)).toBe(1);
  });

  it("when the browser dies with messages in WhatsApp's queue, which sends them later", async () => {
    const { engine, simulator } = stage;
    await loginIsOnDisk(engine, "s");
    await simulator.control.fault({ kind: "silence", taken: false }, { to: "6281300000011" });
    const answer = await send("6281300000011");
    expect(answer).toMatchObject({ status: 202, body: { status: "sending" } });
    expect(await timesTaken("6281300000011")).toBe(0);
    await killRunner(engine, "s");
    await becomes(answer.body.messageId, "sent");
    expect(await timesTaken("6281300000011")).toBe(1);
  });

  it("when the browser dies with messages in WhatsApp's queue, which loses them", async () => {
    const { engine, simulator } = stage;
    await waitForStatus(engine, "s", "connected");
    await simulator.control.configure({ queueAfterRestart: "lose" });
    await simulator.control.fault({ kind: "silence", taken: false }, { to: "6281300000012" });
    const answer = await send("6281300000012");
    expect(answer).toMatchObject({ status: 202, body: { status: "sending" } });
    await killRunner(engine, "s");
    await becomes(answer.body.messageId, "unknown");
    expect(await timesTaken("6281300000012")).toBe(0);
  });

  it("nothing of all this went out twice", async () => {
    const taken = await stage.simulator.control.sent(ACCOUNT);
    const recipients = taken.map(({ to }) => to);
    expect(recipients.length).toBe(new Set(recipients).size);
  });
});
