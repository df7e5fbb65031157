import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { serve, type HttpBindings } from "@hono/node-server";
import { AppError, OperatorError } from "@whatsapp-engine/contract/api";
import { createDatabaseCheck, newestTime, openDataDir, openPrepared } from "@whatsapp-engine/db";
import { openAlive } from "./lib/alive.ts";
import { steadyClock, systemClock } from "./lib/clock.ts";
import { createClockCheck } from "./lib/clock-check.ts";
import { createJanitor, inBatches, type CleanupStep } from "./lib/janitor.ts";
import type { Config } from "./settings/config.ts";
import { createEventFeed, createEventRetention, createEventStore } from "./events/index.ts";
import { createApp, createStarting, type Fetch } from "./http/index.ts";
import { openApiKey, openInstall, type ApiKey } from "./install.ts";
import type { Log } from "./lib/logger.ts";
import { thisMachine } from "./lib/machine.ts";
import { createMessageActions } from "./chats/index.ts";
import { createMessages } from "./outbox/index.ts";
import { prepareAside } from "./prepare-database.ts";
import { afterRestore, refuseHalfRestored } from "./restored.ts";
import { selectRuntime } from "./select-runtime.ts";
import { createHook } from "./lib/hook.ts";
import { createSessions, type SessionsDeps } from "./sessions.ts";
import { createWhatsAppHealth } from "./fleet/index.ts";
import { isInCompose } from "./settings/environment.ts";
import { createVitals } from "./lib/vitals.ts";
import { createWebhooks } from "./webhooks/index.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/**
 * How long a connection without a call stays open. Longer than proxies keep theirs (nginx 60 s to us, Caddy 2 min): a call that a
 * proxy sends on one that is just being closed would be lost.
 */
const KEEP_ALIVE_MS = 150_000;

/** For answers to calls whose time was over when the engine stopped. */
const LAST_ANSWERS_MS = 1_000;

export type Engine = {
  /** Where the API answers. */
  url: string;
  runtime: "docker" | "process";
  apiKey: ApiKey;
  /** Stops accepting, lets running calls end in time, then closes everything. Closing twice is fine. */
  close(): Promise<void>;
};

/**
 * Puts the engine together and starts it. Throws `OperatorError` for what only the operator can mend; whatever was
 * opened until then is closed again.
 */
export async function startEngine(deps: {
  config: Config;
  environment: Readonly<Record<string, string | undefined>>;
  log: Log;
}): Promise<Engine> {
  const { config, environment, log } = deps;
  const clock = systemClock;
  const startedAt = clock.now();
  /** What was opened, in order; closed from the last to the first. */
  const opened: (() => unknown)[] = [];
  const closeAll = async () => {
    for (const close of opened.splice(0).toReversed()) {
      try {
        await close();
      } catch (err) {
        log.error({ err }, "not everything was closed in order");
      }
    }
  };

  try {
    // The port first: a second engine by mistake must not touch anything before it is refused, and calls wait meanwhile.
    let answer: Fetch = () => new Response(null, { status: 503 });
    const { server, url } = await listen((request, env) => answer(request, env as HttpBindings), config);
    opened.push(() => server.closeAllConnections());
    opened.push(() => void server.close());
    const hold = openDataDir(config.dataDir);
    opened.push(() => hold.release());
    refuseHalfRestored(config.dataDir);
    const apiKey = openApiKey(config.dataDir, config.apiKey, { inCompose: isInCompose(environment) });
    const uptimeSeconds = () => Math.floor((clock.now() - startedAt) / 1000);
    const access = {
      apiKey: apiKey.key,
      allowedIps: config.allowedIps,
      trustedProxies: config.trustedProxies,
      strangers: config.strangers,
      version,
    };
    const starting = createStarting({ settings: access, uptimeSeconds, clock, log });
    opened.push(() => starting.open(null));
    answer = starting.fetch;
    const copy = await prepareAside(config.dataDir);
    if (copy !== null) log.info({ copy }, "the database of before this upgrade is kept in a copy");
    const database = openPrepared(config.dataDir, hold);
    opened.push(() => database.close());
    const alive = openAlive(config.dataDir);
    opened.push(() => alive.close());
    const { db } = database;
    const databaseCheck = createDatabaseCheck({ db, dataDir: config.dataDir, now: steadyClock.now });
    const newestAt = Math.max(alive.before?.at ?? 0, newestTime(db));
    const clockCheck = createClockCheck({
      newestAt: newestAt === 0 ? null : newestAt,
      clock,
      steady: steadyClock,
      log,
    });
    const inUse = database.hasProfiles();
    const install = openInstall(config.dataDir, { inUse });
    const runtime = await selectRuntime({ config, install, inUse, environment, log });
    opened.push(() => runtime.host.close());
    // What rooms ask of those above them. Made first: each is connected where its answer is made.
    const hooks = {
      onEvent: createHook<SessionsDeps["onEvent"]>("onEvent"),
      settle: createHook<SessionsDeps["settle"]>("settle"),
      limitOf: createHook<SessionsDeps["limitOf"]>("limitOf"),
      letGoOfBuilds: createHook<SessionsDeps["letGoOfBuilds"]>("letGoOfBuilds"),
      onForget: createHook<SessionsDeps["onForget"]>("onForget"),
      onJournalLost: createHook<SessionsDeps["onJournalLost"]>("onJournalLost"),
      onRunnerRemoved: createHook<SessionsDeps["onRunnerRemoved"]>("onRunnerRemoved"),
      requestCleanup: createHook<() => void>("requestCleanup"),
    };
    const events = createEventStore({ db, clock });
    const feed = createEventFeed({ store: events });
    const webhooks = createWebhooks({
      db,
      events,
      allowPrivate: config.webhookAllowPrivate,
      keepEventsMs: config.eventRetentionMs,
      requestCleanup: hooks.requestCleanup.call,
      random: Math.random,
      clock,
      log,
    });
    opened.push(() => webhooks.close());
    const sessions = createSessions({
      db,
      appendEvent: events.append,
      host: runtime.host,
      profiles: runtime.profiles,
      runnerToken: install.runnerToken,
      startConcurrency: config.runner.startConcurrency,
      startTimeoutMs: config.runner.startTimeoutSeconds * 1000,
      hibernateAfterMinutes: config.hibernateAfterMinutes,
      whatsappVersion: config.whatsappVersion,
      limits: config.limits,
      warmRunners: config.warmRunners,
      canary: config.canary,
      dataDir: config.dataDir,
      maxBackupBytes: config.maxBackupBytes,
      machine: config.dockerHost?.startsWith("tcp:") ? null : thisMachine, // another one's is not known
      defaultCountry: config.messages.defaultCountry,
      random: Math.random,
      clock,
      log,
      onEvent: hooks.onEvent.call,
      settle: hooks.settle.call,
      limitOf: hooks.limitOf.call,
      letGoOfBuilds: hooks.letGoOfBuilds.call,
      onForget: hooks.onForget.call,
      onJournalLost: hooks.onJournalLost.call,
      onRunnerRemoved: hooks.onRunnerRemoved.call,
      onDatabaseError: databaseCheck.note,
    });
    const messages = createMessages({
      db,
      dataDir: config.dataDir,
      live: sessions.live,
      sessions: sessions.service,
      profileSince: (sessionId) => sessions.store.profileOf(sessionId)?.createdAt ?? 0,
      appendEvent: events.append,
      onPageTrouble: sessions.onPageTrouble,
      settings: { ...config.messages, pace: config.pace },
      clock,
      clockCheck,
      log,
    });
    hooks.onEvent.connect(messages.onEvent);
    hooks.settle.connect(messages.settle);
    hooks.limitOf.connect(messages.limitOf);
    hooks.letGoOfBuilds.connect(messages.letGoOfBuilds);
    hooks.onForget.connect(messages.endSession);
    hooks.onJournalLost.connect(messages.giveUpSending);

    const byAge =
      (step: CleanupStep): CleanupStep =>
      async (signal) => {
        const why = clockCheck.why();
        if (why !== null) throw new Error(why);
        return step(signal);
      };
    const janitor = createJanitor({
      steps: [
        ["containers", sessions.cleanup.containers],
        ["profiles", sessions.cleanup.profiles],
        ["messages", byAge(messages.cleanup.messages)],
        // Before the events, which are kept for as long as a delivery of theirs waits.
        ["deliveries", webhooks.cleanup.ofDeleted],
        ...webhooks.cleanup.byAge.map((step) => ["deliveries", byAge(step)] as const),
        ["events", byAge(inBatches(createEventRetention({ db, clock, keepMs: config.eventRetentionMs })))],
        ["events", byAge(async () => sessions.unread.removeOld(config.eventRetentionMs))],
        ["media", byAge(messages.cleanup.media)],
        ["files", byAge(messages.cleanup.files)],
      ],
      kept: sessions.keptProfiles,
      otherRunners: () => runtime.host.listOthers(),
      clock,
      log,
    });
    hooks.requestCleanup.connect(() => void janitor.request("deliveries"));
    hooks.onRunnerRemoved.connect(() => janitor.count("containers", 1));

    let stopping = false;
    const vitals = createVitals({
      vitals: [
        { name: "database", code: "database_unavailable", look: databaseCheck.look },
        { name: "runtime", code: "runtime_unavailable", look: () => runtime.host.check().then(() => null) },
        { name: "events", code: "database_unavailable", look: sessions.notTaken },
        { name: "profiles", code: "runtime_unavailable", look: sessions.diskTrouble },
      ],
      // A runtime that is back is listed, and sessions with it.
      onRecovered: (names) => void (names.some((name) => name !== "runtime") && sessions.tryAgain()),
      log,
    });
    opened.push(() => vitals.close());
    const app = createApp({
      sessions: sessions.service,
      pairing: sessions.pairing,
      screenshot: sessions.screenshot,
      addressBook: sessions.addressBook,
      backup: sessions.backup,
      restore: sessions.restore,
      messages: messages.service,
      actions: createMessageActions({
        messages: messages.sent,
        sessions: sessions.service,
        connectedRunner: sessions.connectedRunner,
        defaultCountry: config.messages.defaultCountry,
        clock,
      }),
      bulks: messages.bulks,
      pace: messages.pace,
      onPaceChanged: messages.wake,
      suppressions: messages.suppressions,
      toRecipient: messages.toRecipient,
      feed,
      webhooks: webhooks.service,
      cleanup: janitor.status,
      whatsappHealth: createWhatsAppHealth({
        db,
        live: sessions.live,
        copies: sessions.pageCopies,
        pinnedForAll: config.whatsappVersion,
        canary: sessions.canary,
        unread: sessions.unread.list,
        clock,
      }),
      health: {
        uptimeSeconds,
        sessions: () => sessions.store.countByStatus(),
        warmRunners: sessions.warmRunners.counts,
        async ready() {
          if (stopping) throw new AppError("shutting_down", "The engine is shutting down.");
          await vitals.check();
        },
      },
      onError: databaseCheck.note,
      settings: {
        ...access,
        rateLimitPerMinute: config.rateLimitPerMinute,
        maxMediaBytes: config.messages.media.maxBytes,
        mediaAtOnce: config.messages.media.atOnce,
        eventStreams: config.eventStreams,
        backupsAtOnce: config.backupsAtOnce,
        dataDir: config.dataDir,
        maxBackupBytes: config.maxBackupBytes,
      },
      clock,
      log,
    });

    opened.push(async () => {
      stopping = true;
      feed.close();
      const ended = closeServer(server);
      await Promise.race([ended, sleep(config.shutdownTimeoutMs, undefined, { ref: false })]);
      // What has no answer by now stays `sending`; the next start asks the runners about it.
      await Promise.all([janitor.close(), messages.close(LAST_ANSWERS_MS)]);
      await sessions.close();
      await Promise.race([ended, sleep(LAST_ANSWERS_MS, undefined, { ref: false })]);
      server.closeAllConnections();
      await ended;
    });
    const givenUp = afterRestore(config.dataDir, messages.giveUpWaiting);
    if (givenUp > 0)
      log.warn({ messages: givenUp }, "what waited in the backup that was restored is unknown now");
    messages.open();
    webhooks.open();
    await sessions.open();
    if (alive.before) messages.resumeRepeats(alive.before);
    alive.begin();
    janitor.open();
    vitals.open();
    answer = app.fetch as Fetch;
    starting.open(answer);

    return { url, runtime: runtime.host.kind, apiKey, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function listen(fetch: Parameters<typeof serve>[0]["fetch"], { host, port }: { host: string; port: number }) {
  return new Promise<{ server: Server; url: string }>((resolve, reject) => {
    const server = serve(
      { fetch, hostname: host, port, serverOptions: { keepAliveTimeout: KEEP_ALIVE_MS } },
      (address) => {
        const isLocal = host === "0.0.0.0" || host === "::" || host === "127.0.0.1";
        const shown = isLocal ? "localhost" : isIPv6(host) ? `[${host}]` : host;
        resolve({ server, url: `http://${shown}:${address.port}` });
      },
    ) as Server;
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === "EADDRINUSE"
          ? `Port ${port} on ${host} is in use already; stop what uses it, or give another PORT.`
          : `The engine cannot listen on ${host}:${port}: ${cause.message}.`;
      reject(new OperatorError(why, { cause }));
    });
  });
}

/** No new calls; resolves when those under way have ended. */
function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  server.closeIdleConnections();
  return closed;
}
