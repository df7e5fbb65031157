import { startSimulator, type Ways } from "@whatsapp-engine/simulator";
import { query } from "@whatsapp-engine/test/support/database.js";
import { startEngine, type Engine, type RuntimeKind } from "@whatsapp-engine/test/support/engine.js";
import { loginIsOnDisk } from "@whatsapp-engine/test/support/runner.js";
import { linkSession } from "@whatsapp-engine/test/support/session.js";
import { until } from "@whatsapp-engine/test/support/until.js";
import { progress } from "./progress.ts";
import { heading, row, summarise } from "./statistics.ts";

/*
 * `npm run bench -- canary`: from the first failure on a bad build of WhatsApp Web until its session is connected on the
 * proven one. Two sessions, which both send a text and a picture a second; each round is another build. Its settings are
 * the default ones but for how often it is looked, how long a build is proven, and how long a page may take to get ready.
 */

const ROUNDS = 15;
const SEND_EVERY_MS = 1_000;
const SESSIONS = ["6281234567800", "6281234567801"].map((account, n) => ({ id: `s${n}`, account }));
const GOOD = "2.3000.1049007170";
/** Builds that nobody knows yet; the last digits are the round's. */
const NEXT = 1_049_100_000;
const SETTINGS = {
  WHATSAPP_LOOK_SECONDS: "5",
  WHATSAPP_CANARY_PROVE_SECONDS: "1",
  RUNNER_START_TIMEOUT_SECONDS: "15",
};

const bad: Record<string, { ways: Partial<Ways>; failedAt: string }> = {
  "refuses media": {
    ways: { refusesMedia: true, neverReady: false },
    failedAt: "select json_extract(troubles, '$[0].at') as at from whatsapp_builds where version = ?",
  },
  "never gets ready": {
    ways: { refusesMedia: false, neverReady: true },
    failedAt: `select min(e.at) as at from events e, whatsapp_builds b where b.version = ? and e.session_id = b.session_id
      and e.at > b.tried_at and e.type = 'session.status' and json_extract(e.data, '$.reason') = 'start_timeout'`,
  },
};

/** Both sessions send until it is ended. */
function sendAll(engine: Engine, picture: string) {
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    for (const { id } of SESSIONS) {
      const to = `62890000${String(count % 10).padStart(4, "0")}`;
      const media = { base64: picture, mimetype: "image/png" };
      for (const what of [{ message: `text ${count}` }, { type: "image", media }])
        engine.api(`POST /sessions/${id}/send`, { to, async: true, ...what }).catch(() => undefined);
    }
  }, SEND_EVERY_MS);
  return () => clearInterval(timer);
}

async function measureOn(runtime: RuntimeKind, picture: string, say: (text: string) => void): Promise<void> {
  const simulator = await startSimulator({ host: runtime === "docker" ? "0.0.0.0" : "127.0.0.1" });
  const engine = await startEngine({ runtime, simulator, settings: SETTINGS });
  const one = (sql: string, version: string): unknown =>
    Object.values(query(engine.dataDir, sql.replace("?", `'${version}'`))[0] ?? {})[0];
  const stateOf = (version: string) => one("select state from whatsapp_builds where version = ?", version);
  const settle = (what: string, done: () => Promise<boolean> | boolean) =>
    until(what, done, { timeoutMs: 180_000 });
  let stop = () => {};
  try {
    for (const { id, account } of SESSIONS) {
      await linkSession(engine, simulator, id, account);
      await loginIsOnDisk(engine, id);
    }
    stop = sendAll(engine, picture);
    await settle("the build to be found", () => stateOf(GOOD) !== undefined);
    for (const { account } of SESSIONS)
      await simulator.control.deliver(account, { from: "6281999999999", body: "hello" });
    await settle("the build to be proven", () => stateOf(GOOD) === "proven");

    let number = NEXT;
    for (const [name, { ways, failedAt }] of Object.entries(bad)) {
      const times: number[] = [];
      for (let round = 1; round <= ROUNDS; round++) {
        progress(`${runtime}: a build that ${name}`, round, ROUNDS);
        const version = `2.3000.${number++}`;
        await simulator.control.configure({ version, ways });
        await settle(`${version} to be rejected`, () => stateOf(version) === "rejected");
        const sessionId = one("select session_id from whatsapp_builds where version = ?", version);
        await settle("its session to be back", async () => {
          const { body } = await engine.api(`GET /sessions/${sessionId}/status`);
          return body.status === "connected" && body.whatsappVersion === GOOD;
        });
        times.push(Date.now() - Number(one(failedAt, version)));
      }
      say(
        row(`${runtime}: a build that ${name}: from its first failure to the proven one`, summarise(times)),
      );
    }
  } finally {
    stop();
    await engine.stop();
    await simulator.close();
  }
}

export async function measureCanary(image: Buffer, say: (text: string) => void): Promise<void> {
  say(heading);
  for (const runtime of ["process", "docker"] as const)
    await measureOn(runtime, image.toString("base64"), say);
}
