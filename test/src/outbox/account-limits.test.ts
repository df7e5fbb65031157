import { afterAll, beforeAll, expect, it } from "vitest";
import { query } from "../support/database.ts";
import { linkSession, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const KNOWN = Array.from({ length: 100 }, (_, n) => `62813${String(n).padStart(8, "0")}`);
const STRANGERS = Array.from({ length: 100 }, (_, n) => `62814${String(n).padStart(8, "0")}`);
/** From the first refusal to the end of the lock. */
const LOCK_MS = 12_000;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage("process");
  await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
  for (const from of KNOWN) await stage.simulator.control.deliver(ACCOUNT, { from, body: "hello" });
});
afterAll(() => stage?.close());

const statuses = () =>
  query(
    stage.engine.dataDir,
    "select status, waits_for as waits, count(*) as n from messages group by 1, 2 order by 1, 2",
  );

it("463 in the middle of a bulk: known chats go on, the others wait untried, and go out after it", async () => {
  const { engine, simulator } = stage;
  const recipients = KNOWN.flatMap((known, n) => [known, STRANGERS[n]!]);
  await simulator.control.configure({ delays: { ackMs: 50 } });
  const bulk = await engine.api("POST /sessions/s/messages/bulk", { recipients, message: "hello" });
  expect(bulk.status).toBe(202);
  await until("some to be out", async () => (await simulator.control.sent(ACCOUNT)).length >= 20);

  const end = Date.now() + LOCK_MS;
  // Of the known ones, two are refused all the same.
  const alsoTo = KNOWN.slice(-2);
  await simulator.control.limitAccount(ACCOUNT, { code: 463, until: end, told: true, alsoTo });
  await until(
    "known chats to be through, and the rest to wait",
    async () => {
      const rows = statuses();
      return rows.every(
        ({ status, waits }) => status !== "sending" && (status !== "queued" || waits !== null),
      );
    },
    { seen: statuses },
  );
  expect(Date.now()).toBeLessThan(end);
  const sentTo = new Set((await simulator.control.sent(ACCOUNT)).map(({ to }) => to.replace("@c.us", "")));
  const waiting = recipients.filter((to) => !sentTo.has(to));
  expect(waiting.length).toBeGreaterThan(70);
  expect(waiting.filter((to) => KNOWN.includes(to))).toEqual(alsoTo);

  const session = (await engine.api("GET /sessions/s/status")).body;
  expect(session.limit).toMatchObject({ code: "account_restricted", until: new Date(end).toISOString() });
  const listed = (await engine.api("GET /sessions/s/messages?status=queued&limit=200")).body.messages!;
  expect(listed.map(({ waitsFor }) => waitsFor)).toEqual(listed.map(() => "account_restricted"));
  // One that comes now waits too, and its caller is told so at once.
  const late = await engine.api("POST /sessions/s/send", { to: waiting.at(-1), message: "and this" });
  expect(late).toMatchObject({ status: 202, body: { message: { waitsFor: "account_restricted" } } });

  const refusals = await simulator.control.refused(ACCOUNT);
  const tried = refusals.map(({ to }) => to);
  expect(new Set(tried).size).toBe(tried.length); // none more than once
  expect(tried.length).toBeLessThanOrEqual(16 + alsoTo.length); // those that were under way

  await until("all to be sent", async () => statuses().every(({ status }) => status === "sent"), {
    timeoutMs: 60_000,
    seen: statuses,
  });
  expect(await simulator.control.refused(ACCOUNT)).toHaveLength(refusals.length);
  const taken = await simulator.control.sent(ACCOUNT);
  const out = taken.map(({ to, body }) => `${to} ${body}`);
  expect(new Set(out).size).toBe(201);
  expect(out).toHaveLength(201);
  expect(out.indexOf(`${waiting.at(-1)}@c.us hello`)).toBeLessThan(
    out.indexOf(`${waiting.at(-1)}@c.us and this`),
  );
  expect((await engine.api("GET /sessions/s/status")).body.limit).toBeNull();
  const told = query(engine.dataDir, "select data from events where type = 'session.limit'");
  expect(JSON.parse(String(told.at(-1)?.["data"]))).toEqual({ limit: null });
});

it("messages fail by name where that is asked for", async () => {
  const { engine, simulator } = stage;
  await engine.restart({ ACCOUNT_LIMIT_ACTION: "fail" });
  await simulator.control.limitAccount(ACCOUNT, { code: 475 });
  const before = (await simulator.control.refused(ACCOUNT)).length;
  const send = (to: string) => engine.api("POST /sessions/s/send", { to, message: "hi" });
  await waitForStatus(engine, "s", "connected");
  for (const to of ["6281500000001", "6281500000002"])
    expect(await send(to)).toMatchObject({ status: 422, body: { error: { code: "account_limit_reached" } } });
  const refused = (await simulator.control.refused(ACCOUNT)).slice(before);
  expect(refused).toMatchObject([{ code: 475, to: "6281500000001@c.us" }]);
  expect(await send(KNOWN[0]!)).toMatchObject({ status: 200 });
});
