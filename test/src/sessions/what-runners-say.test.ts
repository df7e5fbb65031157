import type { WhatsAppHealth } from "@whatsapp-engine/contract/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { startEngine, type Engine } from "../support/engine.ts";
import { runnerPid } from "../support/runner.ts";
import { waitForStatus } from "../support/session.ts";
import { FLOODS, SAYS, TO_BE_READ } from "../support/stub.ts";
import { until } from "../support/until.ts";

const TO = "6281234567890";

describe("what a runner says", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ runtime: "process", stubs: true });
    for (const sessionId of ["a", "b"]) {
      await engine.api("POST /sessions", { sessionId });
      await connect(sessionId);
    }
  });
  afterAll(() => engine.stop());

  async function connect(sessionId: string): Promise<void> {
    await waitForStatus(engine, sessionId, "authenticated");
    process.kill(runnerPid(engine, sessionId), "SIGUSR2");
    await waitForStatus(engine, sessionId, "connected");
  }
  const send = async (sessionId: string, message: string) => {
    const answer = await engine.api(`POST /sessions/${sessionId}/send`, { to: TO, message });
    expect(answer.status, answer.text).toBe(200);
    return answer.body.messageId!;
  };
  const say = (line: object | string, sessionId = "a") =>
    send(
      sessionId,
      SAYS + (typeof line === "string" ? line : JSON.stringify(line)).replace('"$SEQ"', "$SEQ"),
    );
  const event = (what: object) => ({ line: "event", seq: "$SEQ", at: new Date().toISOString(), event: what });

  const statusOf = async (messageId: string, sessionId = "a") =>
    (await engine.api(`GET /sessions/${sessionId}/messages/${messageId}`)).body.message?.status;
  /** Events of the session go on: one that comes after all others is told. */
  async function goesOn(sessionId = "a"): Promise<void> {
    const id = await send(sessionId, `${TO_BE_READ}hello`);
    await until(
      "what comes after to be told",
      async () => (await statusOf(id, sessionId)) === "read" || undefined,
    );
  }
  const unread = async () => {
    const { body } = await engine.api("GET /health/whatsapp");
    return (body as unknown as { whatsapp: WhatsAppHealth }).whatsapp.unread;
  };

  it("is passed over where it cannot be read, kept aside, and counted", async () => {
    await goesOn();
    expect(await unread()).toEqual([]);
    expect((await engine.api("GET /sessions/a/status")).body.detail).toBeNull();
    const lines: [string | object, string][] = [
      [event({ type: "message_pinned", whatsappId: "true_a_1" }), "of a newer runner"],
      [event({ type: "message_ack", whatsappId: "true_a_1", messageId: null, ack: 5 }), "an ack not known"],
      ['{"line":"event","seq":$SEQ,"at":"broken', "no JSON"],
      [{ line: "weather", sun: true }, "a line of a newer runner"],
      [{ line: "state", state: { status: "asleep" } }, "a state of a newer runner"],
      ["[".repeat(10_000), "no end"],
    ];
    for (const [line] of lines) await say(line);
    await goesOn();

    const [session, ...others] = await unread();
    expect(others).toEqual([]);
    expect(session).toEqual({
      sessionId: "a",
      byEngine: lines.length,
      byRunner: 0,
      lastAt: expect.stringMatching(/Z$/),
    });
    const { status, detail } = (await engine.api("GET /sessions/a/status")).body;
    expect(status).toBe("connected");
    expect(detail).toContain("could not be read");
    const rows = query(
      engine.dataDir,
      "select seq, line from unread_lines where session_id = 'a' order by id",
    );
    expect(rows).toHaveLength(lines.length);
    expect(rows.filter(({ seq }) => seq !== null)).toHaveLength(3);
    expect(rows[0]!["line"]).toContain("message_pinned");
    // One line says so, not one for each.
    expect(engine.output().split("could not be read").length - 1).toBe(1);
  });

  it("is not told again by another engine, and shows still", async () => {
    const [before] = await unread();
    await engine.restart();
    for (const sessionId of ["a", "b"]) await connect(sessionId);
    await goesOn();
    expect(await unread()).toEqual([before]);
    expect((await engine.api("GET /sessions/a/status")).body.detail).toContain("could not be read");
  });

  it("moves no message of another session", async () => {
    const theirs = await send("b", "hello");
    const { whatsappId } = (await engine.api(`GET /sessions/b/messages/${theirs}`)).body.message!;
    await say(event({ type: "message_ack", whatsappId, messageId: theirs, ack: 3 }));
    await say(event({ type: "message_ack", whatsappId, messageId: null, ack: 3 }));
    const record = { messageId: theirs, outcome: "sent", whatsappId, ack: 4, timestamp: null, error: null };
    await say(event({ type: "send_settled", record }));
    await goesOn();
    expect(await statusOf(theirs, "b")).toBe("sent");
    await say(event({ type: "message_ack", whatsappId, messageId: theirs, ack: 3 }), "b");
    await until("its own runner's word to count", async () => (await statusOf(theirs, "b")) === "read");
  });

  it("names no message of another session in a reaction", async () => {
    const theirs = await send("b", "hello");
    const ours = await send("a", "hello");
    const reaction = (messageId: string) => ({
      type: "message_reaction",
      whatsappId: "true_a_1",
      messageId,
      chatId: `${TO}@c.us`,
      from: `${TO}@c.us`,
      phoneNumber: TO,
      emoji: "👍",
      timestamp: new Date().toISOString(),
    });
    for (const id of [theirs, ours]) await say(event(reaction(id)));
    await goesOn();
    const { body } = await engine.api("GET /sessions/a/events?types=message.reaction");
    const { events } = body as unknown as { events: { data: { messageId: string | null } }[] };
    expect(events.map(({ data }) => data.messageId)).toEqual([null, ours]);
  });

  it("is cut off where it has no end, and the runner replaced; others hear nothing of it", async () => {
    const before = runnerPid(engine, "a");
    await send("a", FLOODS);
    await until("the flood to be named", () => engine.output().includes("runner_flooded"), {
      timeoutMs: 60_000,
    });
    expect(engine.output()).toContain("The runner told more than");
    await connect("a");
    expect(runnerPid(engine, "a")).not.toBe(before);
    await goesOn("a");
    await goesOn("b");
    const events = query(engine.dataDir, "select data from events where session_id = 'a' order by id");
    expect(events.some(({ data }) => String(data).includes("runner_flooded"))).toBe(true);
  });
});
