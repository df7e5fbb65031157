import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../support/api.ts";
import { query } from "../support/database.ts";
import { makePdf, sha256 } from "../support/media.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const BULK = "POST /sessions/s/messages/bulk";

/** Many messages at once, as an application for campaigns sends them. */
describe("a campaign", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process", { DEFAULT_COUNTRY: "ID" });
    await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
  });
  afterAll(() => stage?.close());

  let last = 1_000_000;
  const number = () => `62812${last++}`;
  const call = (what: string, body?: unknown) => stage.engine.api(what, body);
  const bulk = (fields: object) => call(BULK, fields);
  const textTo = async (to: string) =>
    (await until(`a message to ${to}`, async () => {
      const [taken] = await takenBy(stage.simulator, ACCOUNT, to);
      return taken ?? undefined;
    }))!;
  const problems = ({ body }: Answer) =>
    Object.fromEntries(body.error?.details.map(({ field, message }) => [field, message]) ?? []);
  const finished = (id: string) =>
    until("the bulk's end", async () => {
      const { body } = await call(`GET /sessions/s/messages/bulk/${id}`);
      return body.bulk?.state === "finished" ? body.bulk : undefined;
    });

  async function post(parts: Record<string, string | File>): Promise<Answer> {
    const form = new FormData();
    for (const [name, value] of Object.entries(parts)) form.append(name, value);
    const request = new Request("http://form", { method: "POST", body: form });
    return stage.engine.api(BULK, Buffer.from(await request.arrayBuffer()), {
      headers: { "Content-Type": request.headers.get("Content-Type")! },
    });
  }

  describe("placeholders", () => {
    it("are filled from each recipient's fields, in the text for all and in their own", async () => {
      const [a, b, c, d] = [number(), number(), number(), number()];
      const answer = await bulk({
        message: "Halo {{name}}, tagihan {{ Jumlah }} {{note|}}",
        recipients: [
          { to: a, name: "Budi", jumlah: 25_000 },
          { to: b, fields: { Name: "Ani", JUMLAH: "1", unused: "x" } },
          { to: c, message: "Khusus {{nama}}", nama: "Cici" },
          { to: d, name: "Dodi", jumlah: true, note: "{{name}}" },
        ],
      });
      expect(answer.status, answer.text).toBe(202);
      expect((await textTo(a)).body).toBe("Halo Budi, tagihan 25000 ");
      expect((await textTo(b)).body).toBe("Halo Ani, tagihan 1 ");
      expect((await textTo(c)).body).toBe("Khusus Cici");
      expect((await textTo(d)).body).toBe("Halo Dodi, tagihan true {{name}}");
    });

    it("without a field, fields without a placeholder and all other faults are told at once", async () => {
      const same = number();
      const answer = await bulk({
        message: "Halo {{name}}",
        recipients: [
          { to: number() },
          { to: number(), name: "" },
          { to: number(), name: "x", mesage: "y" },
          { to: "12", name: "x" },
          { to: same, name: "x" },
          { to: same, name: "x", clientMessageId: "é" },
          { name: "x" },
          { to: null, name: "x" },
          null,
          7,
          [],
          { to: number(), name: { a: 1 } },
          { to: number(), name: "x", caption: "y" },
          { to: number(), message: `{{name}}${"z".repeat(65_000)}`, name: "n".repeat(4_000) },
        ],
      });
      expect(answer.status, answer.text).toBe(400);
      expect(Object.keys(problems(answer)).toSorted()).toEqual(
        [
          "0.name",
          "1.name",
          "2.mesage",
          "3.to",
          "5.to",
          "5.clientMessageId",
          "6.to",
          "7.to",
          "8",
          "9",
          "9.name",
          "10",
          "11.name",
          "12.caption",
          "13.message",
        ]
          .map((field) => `recipients.${field}`)
          .toSorted(),
      );
      expect(problems(answer)).toMatchObject({
        "recipients.0.name": expect.stringMatching(
          /is missing, and the text has \{\{name\}\}; .*\{\{name\|…\}\}/,
        ),
        "recipients.2.mesage": expect.stringMatching(/is not known, and no placeholder/),
        "recipients.5.to": "is the same recipient as recipients.4",
        "recipients.6.to": "is missing",
        "recipients.10": "must be a text or a number, not a list",
      });
      expect(answer.text).not.toMatch(/Invalid input|expected|received|Too (small|big)|undefined/);
    });

    it("are texts where that is said", async () => {
      const to = number();
      await bulk({ message: "{{name}} {{", placeholders: false, recipients: [to] });
      expect((await textTo(to)).body).toBe("{{name}} {{");
    });
  });

  describe("a spreadsheet's table", () => {
    const csv = (to: string, more = "") => `\u{FEFF}Nama;No HP;Kota\r\nBudi;${to};"Solo; Jawa"\r\n${more}`;

    it("gives recipients and fields", async () => {
      const to = number();
      const answer = await bulk({ csv: csv(to), message: "{{nama}} dari {{KOTA}}" });
      expect(answer.status, answer.text).toBe(202);
      expect(answer.body.messages).toMatchObject([{ to }]);
      expect((await textTo(to)).body).toBe("Budi dari Solo; Jawa");
    });

    it("comes as a file of a form, with another file for all", async () => {
      const [a, b] = [number(), number()];
      const pdf = makePdf("for all");
      const answer = await post({
        csv: new File([csv(a, `Ani;${b};Medan\r\n`)], "kontak.csv", { type: "text/csv" }),
        type: "document",
        caption: "Untuk {{Nama}}",
        file: new File([pdf], "Undangan.pdf", { type: "application/pdf" }),
        pace: '{"perMinute":600}',
      });
      expect(answer.status, answer.text).toBe(202);
      for (const [to, caption] of [
        [a, "Untuk Budi"],
        [b, "Untuk Ani"],
      ] as const)
        expect(await textTo(to)).toMatchObject({
          caption,
          filename: "Undangan.pdf",
          mimetype: "application/pdf",
          mediaSha256: sha256(pdf),
        });
    });

    it.each([
      ["windows-1252", "text/csv; charset=windows-1252", (text: string) => Buffer.from(text, "latin1")],
      ["Unicode text", "", (text: string) => Buffer.from(`\u{FEFF}${text.replaceAll(";", "\t")}`, "utf16le")],
      ["UTF-8", "application/vnd.ms-excel", (text: string) => Buffer.from(text)],
    ])("is read as %s", async (_, type, encode) => {
      const to = number();
      const file = new File([encode(`Prénom;Phone\r\nZoé;${to}\r\n`)], "a.csv", { type });
      const answer = await post({ csv: file, message: "{{prénom}}" });
      expect(answer.status, answer.text).toBe(202);
      expect((await textTo(to)).body).toBe("Zoé");
    });

    it.each([
      ["not UTF-8 and not said to be", Buffer.from("Pr\u00e9nom;Phone\r\n", "latin1"), "csv", /is not UTF-8/],
      ["a workbook", Buffer.from("PK\u{3}\u{4}\u{14}\0\u{6}\0"), "csv", /is a workbook/],
      ["without numbers", Buffer.from("a;b\r\n1;2"), "csv", /names no column with phone numbers/],
    ])("that is %s is refused", async (_, bytes, field, message) => {
      const answer = await post({ csv: new File([bytes], "a.csv"), message: "x" });
      expect(answer.status, answer.text).toBe(400);
      expect(problems(answer)[field]).toMatch(message);
    });

    it("names the row and the column of what is wrong", async () => {
      const text = `Nama;No HP\r\nA;${number()}\r\nB;6,28E+12\r\n\r\n;0812-3456-7890 / 0813-3456-7890\r\nD;\r\nE;${number()};x\r\n`;
      const answer = await bulk({ csv: text, message: "{{nama}}" });
      expect(answer.status, answer.text).toBe(400);
      const told = answer.body.error!.details.map(({ field, message }) => `${field} ${message}`);
      expect(told).toEqual([
        expect.stringMatching(/^recipients\.1\.to row 3, No HP: .*(spreadsheet|rounded|scientific)/i),
        expect.stringMatching(/^recipients\.2\.to row 5, No HP: /),
        expect.stringMatching(/^recipients\.2\.nama row 5, nama: is missing/),
        expect.stringMatching(/^recipients\.3\.to row 6, No HP: /),
        expect.stringMatching(/^recipients\.4 row 7: has 1 cells more/),
      ]);
    });

    it("is instead of recipients, not beside them", async () => {
      expect(problems(await bulk({ csv: "phone\n1", recipients: [number()], message: "x" }))).toHaveProperty(
        "csv",
      );
      expect(problems(await bulk({ message: "x" }))).toHaveProperty("recipients");
      expect(problems(await bulk({ message: "x", recipients: [number()], toColumn: "a" }))).toHaveProperty(
        "toColumn",
      );
    });
  });

  it("skips what is not valid where that is asked for, lists it, and says the same again", async () => {
    const [a, b] = [number(), number()];
    const asked = {
      message: "Halo {{name}}",
      onInvalid: "skip",
      clientBulkId: "skipping",
      recipients: [
        { to: a, name: "A" },
        { to: "12", name: "B" },
        { to: b },
        { to: a, name: "D" },
        { name: 5 },
      ],
    };
    const first = await bulk(asked);
    expect(first.status, first.text).toBe(202);
    expect(first.body.messages?.map(({ to }) => to)).toEqual([a]);
    expect(first.body.bulk).toMatchObject({ total: 1, skipped: 4, clientBulkId: "skipping" });
    expect(first.body.skipped?.map(({ index, row, to }) => [index, row, to])).toEqual([
      [1, null, "12"],
      [2, null, b],
      [3, null, a],
      [4, null, null],
    ]);
    const again = await bulk(asked);
    expect([again.body.bulk?.bulkId, again.body.skipped, again.body.messages]).toEqual([
      first.body.bulk?.bulkId,
      first.body.skipped,
      first.body.messages,
    ]);
    const { body } = await call(`GET /sessions/s/messages/bulk/${first.body.bulk?.bulkId}`);
    expect(body.skipped).toEqual(first.body.skipped);
  });

  it("is refused where nothing but invalid is left to skip", async () => {
    expect((await bulk({ message: "x", onInvalid: "skip", recipients: ["12", "13"] })).status).toBe(400);
  });

  it("is only looked through as a dry run: what is wrong, who is suppressed, who is not on WhatsApp", async () => {
    const [here, gone, stopped, same] = [number(), number(), number(), number()];
    await stage.simulator.control.unregisterNumber(gone);
    await call("POST /suppressions", { recipient: stopped });
    const files = () => readdirSync(join(stage.engine.dataDir, "media")).length;
    const before = [files(), query(stage.engine.dataDir, "select count(*) as n from messages")];
    const answer = await bulk({
      dryRun: true,
      type: "document",
      media: { base64: Buffer.from("a new file").toString("base64"), filename: "a.txt" },
      caption: "Halo {{name}}",
      recipients: [
        ...[here, gone, stopped, same, same].map((to, at) => ({ to, name: `n${at}` })),
        { to: "6,28E+12", name: "x" },
        { to: number() },
      ],
    });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body.check).toMatchObject({
      total: 7,
      valid: 4,
      invalid: 3,
      suppressed: 1,
      notOnWhatsApp: 1,
      notChecked: 0,
      recipients: [
        { index: 0, recipient: here, text: "Halo n0", onWhatsApp: "yes", suppressed: false, problems: [] },
        { index: 1, recipient: gone, onWhatsApp: "no" },
        { index: 2, recipient: stopped, onWhatsApp: "unknown", suppressed: true },
        { index: 3, onWhatsApp: "yes" },
        { index: 4, problems: [{ field: "recipients.4.to" }] },
        { index: 5, to: "6,28E+12", recipient: null, problems: [{ field: "recipients.5.to" }] },
        { index: 6, problems: [{ field: "recipients.6.name" }] },
      ],
    });
    expect([files(), query(stage.engine.dataDir, "select count(*) as n from messages")]).toEqual(before);
  });

  it("is finished when all have come to an end, which an event tells once, and its report says what became of each", async () => {
    const [a, gone, b] = [number(), number(), number()];
    await stage.simulator.control.unregisterNumber(gone);
    const { body } = await bulk({
      message: "=HYPERLINK({{n}})",
      onInvalid: "skip",
      clientBulkId: "reported",
      recipients: [
        { to: a, n: 'quote " and ;' },
        { to: gone, n: "2" },
        { to: "x", n: "3" },
        { to: b, n: "4\n5", clientMessageId: "four" },
      ],
    });
    const { bulkId } = body.bulk!;
    const end = (await finished(bulkId))!;
    expect(end).toMatchObject({ total: 3, finished: true, counts: { failed: 1 } });
    const told = query(stage.engine.dataDir, "select data from events where type = 'bulk.finished'")
      .map(({ data }) => JSON.parse(String(data)) as Record<string, unknown>)
      .filter((data) => data["bulkId"] === bulkId);
    expect(told).toMatchObject([{ clientBulkId: "reported", total: 3 }]);

    const report = await call(`GET /sessions/s/messages/bulk/${bulkId}/report`);
    expect([report.status, report.headers["content-type"]]).toEqual([200, "text/csv; charset=utf-8"]);
    expect(report.headers["content-disposition"]).toBe(`attachment; filename="bulk-${bulkId}.csv"`);
    const lines = report.text.split("\r\n");
    expect(lines[0]).toBe(
      "\u{FEFF}recipient,status,error,reason,text,accepted,sent,delivered,read,messageId,clientMessageId,whatsappId",
    );
    expect(lines[1]).toMatch(
      new RegExp(`^${a},(sent|delivered|read),,,"'=HYPERLINK\\(quote "" and ;\\)",20`),
    );
    expect(lines[2]).toMatch(new RegExp(`^${gone},failed,not_on_whatsapp,[^,]+,`));
    expect(report.text).toContain(`"'=HYPERLINK(4\n5)"`);
    expect(report.text).toMatch(/\r\nx,skipped,invalid,/);
    expect((await call(`GET /sessions/s/messages/bulk/${bulkId}/report?delimiter=;`)).text).toContain(
      `${a};${end.counts.read ? "read" : end.counts.delivered ? "delivered" : "sent"};`,
    );
    for (const verb of ["pause", "resume", "cancel"]) {
      const answer = await call(`POST /sessions/s/messages/bulk/${bulkId}/${verb}`);
      expect([answer.status, answer.body.bulk?.state]).toEqual([200, "finished"]);
    }
  });

  it("is listed, newest first, page by page, by state", async () => {
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const made: string[] = [];
    for (let at = 0; at < 3; at++) {
      const { body } = await bulk({ message: "later", scheduledAt: later, recipients: [number()] });
      made.unshift(body.bulk!.bulkId);
    }
    const seen: string[] = [];
    for (let cursor: string | null | undefined = ""; cursor !== null;) {
      const { body }: Answer = await call(
        `GET /sessions/s/messages/bulk?state=running&limit=2${cursor ? `&cursor=${cursor}` : ""}`,
      );
      seen.push(...body.bulks!.map(({ bulkId }) => bulkId));
      cursor = body.nextCursor ?? null;
    }
    expect(seen.slice(0, 3)).toEqual(made);
    expect(new Set(seen).size).toBe(seen.length);
    await call(`POST /sessions/s/messages/bulk/${made[0]}/cancel`);
    const cancelled = await call("GET /sessions/s/messages/bulk?state=cancelled");
    expect(cancelled.body.bulks?.map(({ bulkId }) => bulkId)).toEqual([made[0]]);
    expect((await call("GET /sessions/s/messages/bulk?cursor=x")).body.error?.code).toBe("invalid_cursor");
  });

  describe("a pace of its own", () => {
    const handed = (bulkId: string) =>
      query(
        stage.engine.dataDir,
        "select handed_at as at from messages where bulk_id = ? order by at",
        bulkId,
      )
        .map(({ at }) => Number(at))
        .filter((at) => at > 0);

    it("stands between its messages, holds up nobody else's, and outlives a restart", async () => {
      const recipients = Array.from({ length: 5 }, number);
      const { body } = await bulk({ message: "slow", pace: { pauseMs: 700 }, recipients });
      const { bulkId, pauseMs } = body.bulk!;
      expect(pauseMs).toBe(700);
      const other = number();
      expect((await call("POST /sessions/s/send", { to: other, message: "quick" })).status).toBe(200);
      expect(
        (await call(`GET /sessions/s/messages/bulk/${bulkId}`)).body.bulk?.counts.queued,
      ).toBeGreaterThan(2);
      await until("two messages", () => Promise.resolve(handed(bulkId).length >= 2 || undefined));
      await stage.engine.restart();
      await waitForStatus(stage.engine, "s", { status: "connected" });
      await finished(bulkId);
      const times = handed(bulkId);
      const gaps = times.slice(1).map((at, index) => at - times[index]!);
      expect(times).toHaveLength(5);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(700);
      for (const to of recipients) expect(await takenBy(stage.simulator, ACCOUNT, to)).toHaveLength(1);
    });

    it("goes on after a pause, and ends when it is cancelled", async () => {
      const { body } = await bulk({
        message: "slow",
        pace: { perMinute: 120 },
        recipients: Array.from({ length: 6 }, number),
      });
      const { bulkId, pauseMs } = body.bulk!;
      expect(pauseMs).toBe(500);
      const path = `POST /sessions/s/messages/bulk/${bulkId}`;
      await call(`${path}/pause`);
      const before = handed(bulkId).length;
      await call("POST /sessions/s/send", { to: number(), message: "between" });
      expect(handed(bulkId).length).toBeLessThanOrEqual(before + 1);
      await call(`${path}/resume`);
      await until("one more", () => Promise.resolve(handed(bulkId).length > before + 1 || undefined));
      const { body: ended } = await call(`${path}/cancel`);
      expect(ended.bulk).toMatchObject({ state: "cancelled" });
      expect(ended.bulk?.counts.cancelled).toBeGreaterThan(0);
    });

    it.each([[{}], [{ perMinute: 0 }], [{ pauseMs: -1 }], [{ burst: 3 }], [{ perMinute: 1.5 }]])(
      "is refused as %j",
      async (pace) => {
        const answer = await bulk({ message: "x", pace, recipients: [number()] });
        expect(answer.status, answer.text).toBe(400);
        expect(Object.keys(problems(answer))[0]).toMatch(/^pace/);
      },
    );
  });

  it("stands in readable views", () => {
    for (const view of ["bulk_overview", "event_overview", "delivery_overview", "suppression_overview"])
      expect(query(stage.engine.dataDir, `select * from ${view}`).length > 0).toBe(
        view !== "delivery_overview",
      );
    const [row] = query(stage.engine.dataDir, "select * from bulk_overview where client_id = 'skipping'");
    expect(row).toMatchObject({ state: "finished", total: 1, sent: 1, skipped: 4, waiting: 0 });
    expect(row!["created"]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  });
});
