import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../support/api.ts";
import { ACCOUNT, createCampaigns, problems } from "../support/campaigns.ts";
import { query } from "../support/database.ts";
import { linkSession, takenBy, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** Many messages at once, as an application for campaigns sends them. */
describe("a campaign", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process", { DEFAULT_COUNTRY: "ID" });
    await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
  });
  afterAll(() => stage?.close());
  const campaigns = createCampaigns(() => stage, 2_000_000);
  const { number, call, bulk, finished } = campaigns;

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
