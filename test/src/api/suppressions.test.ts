import type { Suppression } from "@whatsapp-engine/contract/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const GROUP = "120363000000000001@g.us";

/** Who must not be written to: over the API, and by their own word. */
describe("suppressions", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process", { STOP_WORDS: "STOP, berhenti" });
    await linkSession(stage.engine, stage.simulator, "linked", ACCOUNT);
    await stage.engine.api("POST /sessions", { sessionId: "other" });
  });
  afterAll(() => stage?.close());

  type Answered = {
    suppression?: Suppression;
    suppressions?: Suppression[];
    nextCursor?: string | null;
  };
  const call = async (what: string, body?: unknown) => {
    const answer = await stage.engine.api(what, body);
    return { ...answer, body: answer.body as typeof answer.body & Answered };
  };
  const list = async (query = "") => (await call(`GET /suppressions${query}`)).body.suppressions ?? [];
  const send = (to: string, more: object = {}) =>
    call("POST /sessions/linked/send", { to, message: "Hello", ...more });
  const says = (from: string, body: string, more: object = {}) =>
    stage.simulator.control.deliver(ACCOUNT, { from, body, ...more });
  const suppressed = (recipient: string) =>
    until(`${recipient} to be suppressed`, async () => (await list(`?recipient=${recipient}`)).length > 0);

  it("are added in any form of a number, listed, and removed", async () => {
    const added = await call("POST /suppressions", { recipient: "0812-0000-0001", note: "asked by phone" });
    expect(added.status, added.text).toBe(201);
    expect(added.body.suppression).toMatchObject({
      recipient: "6281200000001",
      sessionId: null,
      source: "operator",
      note: "asked by phone",
    });
    const again = await call("POST /suppressions", { recipient: "6281200000001@c.us" });
    expect([again.status, again.body.suppression]).toEqual([200, added.body.suppression]);
    const here = await call("POST /suppressions", { recipient: "6281200000001", sessionId: "linked" });
    expect(here.status).toBe(201);
    expect((await list("?sessionId=linked")).map(({ sessionId }) => sessionId)).toEqual([null, "linked"]);
    expect(await list("?sessionId=other")).toEqual([added.body.suppression]);

    const first = await call("GET /suppressions?limit=1");
    const second = await call(`GET /suppressions?limit=1&cursor=${first.body.nextCursor}`);
    expect([...(first.body.suppressions ?? []), ...(second.body.suppressions ?? [])]).toEqual(await list());
    expect(second.body.nextCursor).toBeNull();

    const removed = await call("DELETE /suppressions/%2B62%20812-0000-0001");
    expect([removed.status, removed.body.suppression]).toEqual([200, added.body.suppression]);
    const gone = await call("DELETE /suppressions/6281200000001");
    expect([gone.status, gone.body.error?.code]).toEqual([404, "suppression_not_found"]);
    expect(gone.body.error?.message).toContain("'linked'");
    expect((await call("DELETE /suppressions/6281200000001?sessionId=linked")).status).toBe(200);
    expect(await list()).toEqual([]);
  });

  it.each([
    ["no number", "POST /suppressions", { recipient: "nobody" }, 400, "invalid_phone_number", "recipient"],
    ["no recipient", "POST /suppressions", {}, 400, "invalid_request", "recipient"],
    [
      "an unknown field",
      "POST /suppressions",
      { recipient: "6281200000001", session: "a" },
      400,
      "invalid_request",
      "session",
    ],
    [
      "a session that there is not",
      "POST /suppressions",
      { recipient: "6281200000001", sessionId: "likned" },
      404,
      "session_not_found",
    ],
    [
      "no number in the path",
      "DELETE /suppressions/nobody",
      undefined,
      400,
      "invalid_phone_number",
      "recipient",
    ],
    ["a cursor of another", "GET /suppressions?cursor=x", undefined, 400, "invalid_cursor", "cursor"],
    ["a limit too high", "GET /suppressions?limit=501", undefined, 400, "invalid_request", "limit"],
  ])("are refused with %s", async (_, what, body, status, code, field?: string) => {
    const answer = await call(what, body);
    expect([answer.status, answer.body.error?.code], answer.text).toEqual([status, code]);
    if (field !== undefined)
      expect(answer.body.error?.details.map((detail) => detail.field)).toContain(field);
    expect(await list()).toEqual([]);
  });

  it("stop a message before anything of it goes out, also one that was accepted before", async () => {
    const to = "6281200000010";
    const waiting = await send(to, { scheduledAt: new Date(Date.now() + 2_000).toISOString() });
    expect(waiting.status).toBe(202);
    await call("POST /suppressions", { recipient: to, sessionId: "linked" });
    for (const form of [to, `${to}@c.us`, "081200000010"]) {
      const refused = await send(form);
      expect([refused.status, refused.body.error?.code]).toEqual([403, "recipient_suppressed"]);
    }
    const failed = await until("the message to fail", async () => {
      const { body } = await call(`GET /sessions/linked/messages/${waiting.body.messageId}`);
      return body.message?.status === "queued" ? undefined : body.message;
    });
    expect(failed).toMatchObject({ status: "failed", error: { code: "recipient_suppressed" } });
    expect(await takenBy(stage.simulator, ACCOUNT, to)).toEqual([]);
    await call(`DELETE /suppressions/${to}?sessionId=linked`);
    expect((await send(to)).status).toBe(200);
  });

  it("come from who answers with a stop word, and outlive a restart", async () => {
    const from = "6281200000020";
    await says(from, "please stop this");
    await says(from, " Stop ");
    await suppressed(from);
    await stage.engine.restart();
    await waitForStatus(stage.engine, "linked", "connected");
    expect(await list()).toMatchObject([{ recipient: from, sessionId: "linked", source: "recipient" }]);
    expect((await send(from)).body.error?.code).toBe("recipient_suppressed");
    await call(`DELETE /suppressions/${from}?sessionId=linked`);
  });

  it("do not come from a word that was said in a group", async () => {
    const [member, loner] = ["6281200000030", "6281200000031"];
    await stage.simulator.control.addGroup(ACCOUNT, GROUP, { subject: "Group", participants: [member] });
    await says(GROUP, "STOP", { author: member });
    await says(loner, "STOP");
    await suppressed(loner);
    expect((await list()).map(({ recipient }) => recipient)).toEqual([loner]);
    await call(`DELETE /suppressions/${loner}?sessionId=linked`);
  });

  it("come from behind a LID for the number that was written to", async () => {
    const to = "6281200000040";
    await stage.simulator.control.configure({ lids: "chat" });
    expect((await send(to)).status).toBe(200);
    await says(to, "BERHENTI");
    await suppressed(to);
    const recipients = (await list()).map(({ recipient }) => recipient);
    expect(recipients).toContain(to);
    expect(recipients.some((recipient) => recipient.endsWith("@lid"))).toBe(true);
    expect((await send(to)).body.error?.code).toBe("recipient_suppressed");
  });
});
