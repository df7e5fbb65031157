import type { RunnerEvent, RunnerState } from "@whatsapp-engine/contract/runner";
import { passStep } from "@whatsapp-engine/contract/steps";
import { databaseTroubleOf } from "@whatsapp-engine/db";
import { iso, type Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import {
  canSend,
  createRunnerClient,
  followRunner,
  type LiveRunner,
  type LiveSessions,
  RunnerFlooded,
  RunnerUnavailable,
  type UnreadableLine,
} from "../connection/index.ts";
import type { RunnerHost, RunnerInfo } from "../runtime/index.ts";
import type { RunnerFate, SessionStore } from "../sessions/index.ts";
import type { createObserver } from "./observer.ts";
import type { Unread } from "./unread.ts";
import type { VersionPins } from "../builds/index.ts";

/** A runner that runs but says nothing for this long is replaced. Its start takes well under a second. */
const SILENT_RUNNER_MS = 30_000;

export type Connector = ReturnType<typeof createConnector>;

/** Connects to a session's present runner and keeps reading what it tells. */
export function createConnector(deps: {
  store: SessionStore;
  host: RunnerHost;
  live: LiveSessions;
  observe: ReturnType<typeof createObserver>;
  runnerToken: (runnerId: string) => string;
  listRunners: () => Promise<readonly RunnerInfo[]>;
  /** Takes over what a journal event means; runs inside the transaction that stores it. */
  onEvent: (sessionId: string, event: RunnerEvent, at: string) => void;
  unread: Pick<Unread, "keep">;
  /** Hears of what the database could not take. */
  onDatabaseError: (error: unknown) => void;
  onConnected: (sessionId: string) => void;
  /** Hears of every state. */
  exchangePages: VersionPins["exchange"];
  onFate: (sessionId: string, runnerId: string, fate: RunnerFate) => void;
  onLost: (sessionId: string, runnerId: string) => void;
  /** It told so much that it was cut off; `detail` says how much. */
  onFlood: (sessionId: string, runnerId: string, detail: string) => void;
  onUnknown: (sessionId: string, runnerId: string) => void;
  clock: Clock;
  log: Log;
}) {
  const { store, host, live, clock, log } = deps;

  /** Also for a state that was seen before: what was written over it meanwhile is set right again. */
  function observe(sessionId: string, runnerId: string, state: RunnerState): void {
    const fate = deps.observe.state(sessionId, state);
    live.notify(sessionId);
    if (fate !== "keep") deps.onFate(sessionId, runnerId, fate);
  }

  function onState(sessionId: string, runner: LiveRunner, state: RunnerState): void {
    const before = runner.state;
    // One that found a newer runner's claim reads no journal.
    const knowsJournal = before === null && state.newerGeneration === null;
    if (knowsJournal && store.journalBeginsAnew({ profileId: runner.profileId, lastSeq: state.lastSeq }))
      log.warn({ sessionId, runnerId: runner.runnerId }, "the profile's journal begins anew");
    runner.state = state;
    // Before it is written down, which may fail now: the same state told again is no news.
    if (canSend(state) && !(before && canSend(before))) deps.onConnected(sessionId);
    observe(sessionId, runner.runnerId, state);
    deps.exchangePages(runner.client, state);
    if (state.qr && state.qr.code !== before?.qr?.code) {
      log.info({ sessionId, runnerId: runner.runnerId, number: state.qr.number }, "QR issued");
    }
  }

  /** Alive, gone or unknown: only a runner that is proven gone, or alive and silent for long, is given up. */
  async function onBroken(sessionId: string, runnerId: string, silentMs: number, error: unknown) {
    if (error instanceof RunnerFlooded) return deps.onFlood(sessionId, runnerId, error.message);
    try {
      const runners = await deps.listRunners().catch(() => null);
      if (runners === null) return deps.onUnknown(sessionId, runnerId);
      const alive = runners.some((runner) => runner.runnerId === runnerId && runner.liveness === "alive");
      if (alive && silentMs < SILENT_RUNNER_MS) return;
      log.warn({ sessionId, runnerId, silentMs, alive }, "runner lost");
      deps.onLost(sessionId, runnerId);
    } catch (err) {
      log.error({ sessionId, runnerId, err }, "a lost runner could not be recorded");
    }
  }

  return {
    /** Where this runner is followed already, its newest state is taken over once more. */
    async attach(sessionId: string, profileId: string, runnerId: string): Promise<void> {
      const known = live.get(sessionId);
      if (known?.runnerId === runnerId) {
        if (known.state) observe(sessionId, runnerId, known.state);
        return;
      }
      await live.detach(sessionId);
      const client = createRunnerClient(await host.endpoint(runnerId), deps.runnerToken(runnerId));
      const stopping = new AbortController();

      const following = followRunner({
        client,
        clock,
        signal: stopping.signal,
        cursor: () => store.profileOf(sessionId)?.cursor ?? 0,
        onLine: (line) => {
          if (line.line === "ping") return wentOn();
          if (line.line === "unreadable") return keepAside(line);
          if (line.line === "state") {
            const { state } = line;
            if (state.runnerId !== runnerId || state.profileId !== profileId)
              return keepAside({
                seq: null,
                why: "is the state of another runner",
                text: JSON.stringify(state),
              });
            claim();
            return onState(sessionId, runner, state);
          }
          const { seq, event, at } = line;
          try {
            store.takeOver({ profileId, seq }, () => {
              deps.onEvent(sessionId, event, at);
              passStep("event.before_commit", { type: event.type });
            });
          } catch (error) {
            if (isDatabaseTrouble(error)) {
              deps.onDatabaseError(error);
              throw error;
            }
            return keepAside({ seq, why: String(error), text: JSON.stringify(line) });
          }
          wentOn();
          passStep("event.committed", { type: event.type });
          live.notify(sessionId);
        },
        onNotTaken: (error) => {
          say(error, "what the runner tells cannot be stored");
          runner.notTaken = isDatabaseTrouble(error) ? databaseTroubleOf(error) : null;
        },
        onBroken: (silentMs, error) => {
          // Connections break; anything else is a mistake that must not stay unseen.
          if (!isConnectionError(error)) say(error, "runner's stream cannot be read");
          return onBroken(sessionId, runnerId, silentMs, error);
        },
      });
      let said: string | null = null;
      /** Once: it may be so every second. */
      const say = (err: unknown, what: string) => {
        if (said !== String(err)) log.error({ sessionId, runnerId, err }, what);
        said = String(err);
      };
      const wentOn = () => {
        runner.notTaken = null;
        said = null;
      };
      const keepAside = (line: Omit<UnreadableLine, "line">) => {
        deps.unread.keep({ sessionId, profileId, seq: line.seq, why: line.why, text: line.text });
        deps.observe.unread(sessionId, runnerId);
        live.notify(sessionId);
      };
      let claimed = false;
      // Until it is written the runner shows codes for ever; so it is tried again with the next state.
      const claim = () => {
        if (claimed) return;
        claimed = true;
        const since = store.profileOf(sessionId)?.createdAt ?? clock.now();
        client.claim(sessionId, iso(since)).catch((err: unknown) => {
          claimed = false;
          log.warn({ sessionId, err }, "claim not written into the profile");
        });
      };
      const runner: LiveRunner = {
        runnerId,
        profileId,
        client,
        state: null,
        notTaken: null,
        usedAt: 0,
        async stop() {
          stopping.abort();
          await client.close();
          await following;
        },
      };
      live.set(sessionId, runner);
    },
  };
}

/** The event is as it should be, and the database cannot take it now: it is told again. */
const isDatabaseTrouble = (error: unknown) => {
  const code = String((error as { code?: unknown } | null)?.code);
  return code.startsWith("SQLITE_") && !/^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH|RANGE)/.test(code);
};

const isConnectionError = (error: unknown) =>
  error instanceof RunnerUnavailable ||
  /^(UND_ERR_|E[A-Z]+$)/.test(String((error as { code?: unknown }).code));
