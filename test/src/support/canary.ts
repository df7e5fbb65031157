import { expect } from "vitest";
import type { Canary } from "@whatsapp-engine/contract/api";
import { query } from "./database.ts";
import { makePng } from "./media.ts";
import { loginIsOnDisk } from "./runner.ts";
import { linkSession } from "./session.ts";
import type { Stage } from "./stage.ts";
import { until } from "./until.ts";

/** What the simulator plays unless it is told otherwise; and two that nobody knows yet. */
export const GOOD = "2.3000.1049007170";
export const NO_MEDIA = { version: "2.3000.1049100000", ways: { refusesMedia: true, neverReady: false } };
export const NEVER_READY = { version: "2.3000.1049200000", ways: { refusesMedia: false, neverReady: true } };

export const canarySettings = {
  WHATSAPP_LOOK_SECONDS: "5",
  WHATSAPP_CANARY_PROVE_SECONDS: "1",
  WHATSAPP_CANARY_TEXTS: "5",
  RUNNER_START_TIMEOUT_SECONDS: "15",
};

/** Each message that a session sends before its first build is tried. */
export const PROVING = 6;
const png = makePng(1).toString("base64");

/** Sessions, and builds that are tried by them. */
export function createFleet(stage: Stage, count: number) {
  const { engine, simulator } = stage;
  const sessions = Array.from({ length: count }, (_, n) => ({
    id: `s${n}`,
    account: `628123456780${n}`,
    // Several, so that some are on their way to each when a build is rejected.
    friends: Array.from({ length: 8 }, (_, friend) => `6289000000${n}${friend}`),
  }));
  const builds = () => query(engine.dataDir, "select version, state, session_id, why from whatsapp_builds");
  const stateOf = (version: string) => builds().find((build) => build["version"] === version)?.["state"];
  const statuses = () =>
    query(
      engine.dataDir,
      "select session_id, type, status, waits_for, error_message, max(attempts) as attempts, count(*) as n from messages group by 1, 2, 3, 4",
    );

  /**
   * So many of each session, every fifth a picture; each says its number. Pictures come last, and of the session that is to try
   * builds at the very end: it may be by them that a control plane dies.
   */
  async function send(from: number, messages: number): Promise<void> {
    const numbers = Array.from({ length: messages }, (_, n) => from + n);
    const isPicture = (n: number) => n % 5 === 0;
    for (const some of [numbers.filter((n) => !isPicture(n)), numbers.filter(isPicture)]) {
      for (const { id, friends } of sessions.toReversed()) {
        for (const n of some) {
          const picture = { type: "image", media: { base64: png, mimetype: "image/png" }, caption: `${n}` };
          const what = isPicture(n) ? picture : { message: `${n}` };
          const to = friends[n % friends.length];
          const answer = await engine.api(`POST /sessions/${id}/send`, { to, async: true, ...what });
          expect(answer.status, answer.text).toBe(202);
        }
      }
    }
  }
  const allSent = () =>
    until("all to be sent", () => statuses().every(({ status }) => status === "sent"), {
      timeoutMs: 120_000,
      seen: () => ({ statuses: statuses(), builds: builds() }),
    });

  return {
    sessions,
    builds,
    stateOf,
    statuses,
    send,
    allSent,

    /** Links all, and has the build that they are served proven by what they do. */
    async begin(): Promise<void> {
      await Promise.all(sessions.map(({ id, account }) => linkSession(engine, simulator, id, account)));
      for (const { id } of sessions) await loginIsOnDisk(engine, id);
      // Only what happens after a build is found is counted for it.
      await until("the build to be found", () => stateOf(GOOD) !== undefined, {
        timeoutMs: 60_000,
        seen: builds,
      });
      await send(1_000, PROVING);
      for (const { account } of sessions)
        await simulator.control.deliver(account, { from: "6281999999999", body: "hello" });
      await until("the build to be proven", () => stateOf(GOOD) === "proven", {
        timeoutMs: 60_000,
        seen: builds,
      });
      await allSent();
    },

    canary: async (): Promise<Canary> => {
      const { body } = await engine.api("GET /health/whatsapp");
      return (body as unknown as { whatsapp: { canary: Canary } }).whatsapp.canary;
    },

    becomes: (version: string, state: string) =>
      until(`${version} to be ${state}`, () => stateOf(version) === state, {
        timeoutMs: 90_000,
        seen: () => ({ builds: builds(), statuses: statuses() }),
      }),

    /** Resolves once the session that tries it runs it: what is sent before goes out on the build before. */
    isTriedOn: (version: string) =>
      until(
        `a session to be connected on ${version}`,
        async () => {
          const { body } = await engine.api("GET /sessions");
          const shown = body.sessions as unknown as { status: string; whatsappVersion: string }[];
          return shown.some((one) => one.status === "connected" && one.whatsappVersion === version);
        },
        { timeoutMs: 90_000, seen: builds },
      ),

    /** How many sessions' pages are of this build now. */
    on: async (version: string): Promise<number> =>
      (await simulator.control.pages()).filter((page) => page.version === version && page.account !== null)
        .length,

    /** Each of them took so many messages, each once, and none was unlinked. */
    async hasSentOnce(messages: number): Promise<void> {
      for (const { account } of sessions) {
        const taken = (await simulator.control.sent(account)).map(({ body, caption }) => caption ?? body);
        expect(new Set(taken).size).toBe(messages);
        expect(taken).toHaveLength(messages);
        expect(await simulator.control.linkedDevices(account)).toBe(1);
      }
    },
  };
}
