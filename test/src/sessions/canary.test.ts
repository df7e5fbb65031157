import { afterAll, beforeAll, expect, it } from "vitest";
import type { Canary } from "@whatsapp-engine/contract";
import { query } from "../support/database.ts";
import { makePng } from "../support/media.ts";
import { loginIsOnDisk } from "../support/runner.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const GOOD = "2.3000.1049007170";
const NO_MEDIA = "2.3000.1049100000";
const NEVER_READY = "2.3000.1049200000";
const SESSIONS = Array.from({ length: 6 }, (_, n) => ({ id: `s${n}`, account: `628123456780${n}` }));
/** Of each session, half of them on each of the two bad builds; every fifth a picture. */
const MESSAGES = 100;
const png = makePng(1).toString("base64");

let stage: Stage;
beforeAll(async () => {
  stage = await startStage("process", {
    WHATSAPP_LOOK_SECONDS: "5",
    WHATSAPP_CANARY_PROVE_SECONDS: "1",
    WHATSAPP_CANARY_TEXTS: "5",
    RUNNER_START_TIMEOUT_SECONDS: "15",
  });
  await Promise.all(
    SESSIONS.map(({ id, account }) => linkSession(stage.engine, stage.simulator, id, account)),
  );
  for (const { id } of SESSIONS) await loginIsOnDisk(stage.engine, id);
}, 180_000);
afterAll(() => stage?.close());

const canary = async (): Promise<Canary> =>
  ((await stage.engine.api("GET /health/whatsapp")).body as unknown as { whatsapp: { canary: Canary } })
    .whatsapp.canary;
const builds = () =>
  query(stage.engine.dataDir, "select version, state, session_id, why from whatsapp_builds");
const stateOf = (version: string) => builds().find((build) => build["version"] === version)?.["state"];

/** Texts and pictures to a chat of each session's own; `n` tells them apart. */
async function sendSome(from: number, count: number): Promise<void> {
  for (const { id, account } of SESSIONS) {
    for (let n = from; n < from + count; n += 1) {
      const picture = n % 5 === 0 && {
        type: "image",
        media: { base64: png, mimetype: "image/png" },
        caption: `${n}`,
      };
      const to = `62890000${account.slice(-5)}`;
      const answer = await stage.engine.api(`POST /sessions/${id}/send`, {
        to,
        async: true,
        ...(picture || { message: `${n}` }),
      });
      expect(answer.status, answer.text).toBe(202);
    }
  }
}

const statuses = () =>
  query(
    stage.engine.dataDir,
    "select session_id, type, status, waits_for, error_message, count(*) as n from messages group by 1, 2, 3, 4",
  );
const allSent = () =>
  until("all to be sent", () => statuses().every(({ status }) => status === "sent"), {
    timeoutMs: 120_000,
    seen: () => ({ statuses: statuses(), builds: builds() }),
  });
/** Sessions that the pages there are now run this build for. */
const onBuild = async (version: string) =>
  (await stage.simulator.control.pages()).filter((page) => page.version === version && page.account !== null);

it("proves what WhatsApp serves, by what happens on it", async () => {
  await sendSome(1_000, 6);
  for (const { account } of SESSIONS)
    await stage.simulator.control.deliver(account, { from: "6281999999999", body: "hello" });
  await until("the build to be proven", () => stateOf(GOOD) === "proven", {
    timeoutMs: 60_000,
    seen: builds,
  });
  await allSent();
  expect(await canary()).toMatchObject({ enabled: true, whatsappVersion: GOOD, sessionId: null });
});

it.each([
  {
    version: NO_MEDIA,
    ways: { refusesMedia: true },
    why: /messages of kind image failed in the page/,
    from: 0,
  },
  {
    version: NEVER_READY,
    ways: { refusesMedia: false, neverReady: true },
    why: /did not get ready/,
    from: MESSAGES / 2,
  },
])(
  "has one session try $version, which goes back by itself; nothing is lost or doubled",
  async ({ version, ways, why, from }) => {
    const { engine, simulator } = stage;
    const before = await simulator.control.linkedDevices(SESSIONS[0]!.account);
    let most = 0;
    let stop = false;
    const watching = (async () => {
      while (!stop) most = Math.max(most, (await onBuild(version)).length);
    })();
    await simulator.control.configure({ version, ways });
    await until("a session to try it", () => stateOf(version) === "trying", {
      timeoutMs: 60_000,
      seen: builds,
    });
    const { sessionId } = await canary();
    await sendSome(from, MESSAGES / 2);
    await until("the build to be rejected", () => stateOf(version) === "rejected", {
      timeoutMs: 90_000,
      seen: () => ({ builds: builds(), statuses: statuses() }),
    });
    const rejectedAt = Date.now();
    await until("its session to be back", async () => {
      const { body } = await engine.api(`GET /sessions/${sessionId}/status`);
      return body.status === "connected" && body.whatsappVersion === GOOD;
    });
    console.info(`back on the proven build ${Date.now() - rejectedAt} ms after it was decided`);
    await allSent();
    stop = true;
    await watching;
    expect(most).toBeLessThanOrEqual(1);

    expect(builds().find((build) => build["version"] === version)).toMatchObject({
      why: expect.stringMatching(why),
    });
    const [event] = query(
      engine.dataDir,
      "select session_id, data from events where type = 'whatsapp.build_rejected' order by id desc limit 1",
    );
    expect(event).toMatchObject({ session_id: sessionId });
    expect(JSON.parse(String(event?.["data"]))).toMatchObject({ whatsappVersion: version, returnsTo: GOOD });
    for (const { account } of SESSIONS) {
      const taken = (await simulator.control.sent(account)).map(({ body, caption }) => caption ?? body);
      expect(taken).toHaveLength(new Set(taken).size);
      expect(taken).toHaveLength(6 + from + MESSAGES / 2);
      expect(await simulator.control.linkedDevices(account)).toBe(before);
    }
  },
  240_000,
);
