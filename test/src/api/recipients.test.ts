import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { linkSession, scan, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
/** One Brazilian, as the country writes the number and as WhatsApp knows it. */
const [ANA, ANA_AT_WHATSAPP] = ["5531987654321", "553187654321"];

/** The right person, or nobody. */
describe("a recipient", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process", { STOP_WORDS: "STOP", DEFAULT_COUNTRY: "ID" });
    await linkSession(stage.engine, stage.simulator, "linked", ACCOUNT);
    await stage.simulator.control.unregisterNumber(ANA);
  });
  afterAll(() => stage?.close());

  const call = (what: string, body?: unknown) => stage.engine.api(what, body);
  const send = (to: unknown, more: object = {}) =>
    call("POST /sessions/linked/send", { to, message: "Hello", ...more });
  const eventsOf = (type: string) =>
    query(stage.engine.dataDir, "select data from events where type = ? order by id", type).map(
      ({ data }) => JSON.parse(String(data)) as Record<string, unknown>,
    );

  /** Takes the spreadsheet's zero for an example: it may be of Japan, or of Indonesia. */
  const DOUBTFUL = "81234567890";
  const person = { name: "Ani", phoneNumber: DOUBTFUL };
  it.each([
    ["POST /sessions/create", { sessionId: "x", phoneNumber: DOUBTFUL }, "phoneNumber"],
    ["POST /sessions/linked/send", { to: DOUBTFUL, message: "x" }, "to"],
    [
      "POST /sessions/linked/send",
      { to: ACCOUNT, message: "x", mentions: [ACCOUNT, DOUBTFUL] },
      "mentions.1",
    ],
    ["POST /sessions/linked/send", { to: ACCOUNT, type: "contact", contact: person }, "contact.phoneNumber"],
    [
      "POST /sessions/linked/send",
      { to: ACCOUNT, type: "contact", contacts: [person] },
      "contacts.0.phoneNumber",
    ],
    [
      "POST /sessions/linked/messages/bulk",
      { recipients: [ACCOUNT, DOUBTFUL], message: "x" },
      "recipients.1",
    ],
    [
      "POST /sessions/linked/messages/bulk",
      { recipients: [{ to: ACCOUNT }, { to: DOUBTFUL }], message: "x" },
      "recipients.1.to",
    ],
    ["POST /suppressions", { recipient: DOUBTFUL }, "recipient"],
    [`GET /suppressions?recipient=${DOUBTFUL}`, undefined, "recipient"],
    [`GET /sessions/linked/messages?to=${DOUBTFUL}`, undefined, "to"],
  ])("that may be two people is refused: %s %j", async (what, body, field) => {
    const { status, body: answer, text } = await call(what, body);
    expect(status, text).toBe(400);
    const detail = answer.error?.details.find((one) => one.field === field);
    expect(detail?.message, text).toMatch(/\+81 234 56 7890 \(Japan\), or \+62 812 3456 7890 \(Indonesia\)/);
  });

  it("may be a JSON number, as long as that is exact", async () => {
    const sent = await send(6_281_200_000_001);
    expect(sent.status, sent.text).toBe(200);
    expect(await takenBy(stage.simulator, ACCOUNT, "6281200000001")).toHaveLength(1);
    for (const to of [6_281_200_000_001.5, 62_812_000_000_010_000_000, -6_281_200_000_001])
      expect((await send(to)).status, String(to)).toBe(400);
  });

  it("whom WhatsApp knows by the other form of the number gets it, and is one person by both", async () => {
    const sent = await send(`+${ANA}`);
    expect(sent.status, sent.text).toBe(200);
    expect(await takenBy(stage.simulator, ACCOUNT, ANA_AT_WHATSAPP)).toHaveLength(1);
    for (const form of [ANA, ANA_AT_WHATSAPP]) {
      const { body } = await call(`GET /sessions/linked/messages?to=${form}`);
      expect(body.messages?.map(({ messageId }) => messageId)).toEqual([sent.body.messageId]);
    }
    await stage.simulator.control.deliver(ACCOUNT, { from: ANA_AT_WHATSAPP, body: "“Stop!”" });
    const told = await until("it to be told", () => eventsOf("suppression.added")[0]);
    expect(told).toMatchObject({ recipient: ANA_AT_WHATSAPP, source: "recipient" });
    for (const form of [ANA, ANA_AT_WHATSAPP, `${ANA}@c.us`]) {
      const refused = await send(form);
      expect([refused.status, refused.body.error?.code], form).toEqual([403, "recipient_suppressed"]);
    }
  });

  it("that an operator suppressed is not reached by the LID that an event told", async () => {
    const from = "6281200000002";
    await stage.simulator.control.configure({ lids: "chat" });
    await stage.simulator.control.deliver(ACCOUNT, { from, body: "hello" });
    const lid = await until("the message to be told", () =>
      eventsOf("message.received").find(({ phoneNumber }) => phoneNumber === from),
    );
    expect(lid["from"]).toMatch(/@lid$/);
    await call("POST /suppressions", { recipient: from });
    const refused = await send(lid["from"]);
    expect([refused.status, refused.body.error?.code]).toEqual([403, "recipient_suppressed"]);
    await stage.simulator.control.configure({ lids: "off" });
  });

  it("is the same to an idempotency key however it is written, and another one is not", async () => {
    const clientMessageId = "order-1";
    const first = await send("0812-0000-0003", { clientMessageId });
    for (const to of ["+62 812 0000 0003", 6_281_200_000_003, "6281200000003@c.us"]) {
      const again = await send(to, { clientMessageId });
      expect([again.status, again.body.messageId], again.text).toEqual([200, first.body.messageId]);
    }
    const other = await send("6281200000004", { clientMessageId });
    expect([other.status, other.body.error?.code]).toEqual([409, "idempotency_conflict"]);
    expect(await takenBy(stage.simulator, ACCOUNT, "6281200000003")).toHaveLength(1);
  });

  it("twice in a bulk is told, by whichever form", async () => {
    const recipients = [`+${ANA}`, "6281200000005", `+${ANA_AT_WHATSAPP}`];
    const { status, body } = await call("POST /sessions/linked/messages/bulk", { recipients, message: "x" });
    expect([status, body.error?.details[0]?.field]).toEqual([400, "recipients.2"]);
    expect(body.error?.details[0]?.message).toContain("recipients.0");
  });

  it("an account that links by the other form of its number stays linked", async () => {
    await call("POST /sessions/create", { sessionId: "mexico", phoneNumber: "+52 55 1234 5678" });
    await scan(stage.engine, stage.simulator, "mexico", "5215512345678");
    const { reason, phoneNumber } = await waitForStatus(stage.engine, "mexico", "connected");
    expect([reason, phoneNumber]).toEqual([null, "5215512345678"]);
    const same = await call("POST /sessions/create", { sessionId: "mexico", phoneNumber: "5215512345678" });
    expect(same.status, same.text).toBe(200);
  });
});
