import { createRoute, z } from "@hono/zod-openapi";
import { createMiddleware } from "hono/factory";
import { requestId } from "hono/request-id";
import { AppError, type Cleanup, type WhatsAppHealth } from "@whatsapp-engine/contract/api";
import type { Clock } from "../lib/clock.ts";
import type { EventFeed } from "../events/index.ts";
import { createGate } from "../lib/gate.ts";
import type { Log } from "../lib/logger.ts";
import type { AddressBook, MessageActions } from "../chats/index.ts";
import type { BulkService, MessageService, Pace, Suppressions } from "../outbox/index.ts";
import type { createBackup, createRestore } from "../logins/index.ts";
import type { Pairing, Screenshot, SessionService } from "../sessions/index.ts";
import type { WebhookService } from "../webhooks/index.ts";
import { createApiKeyCheck, type StrangerLimits } from "./guards/api-key.ts";
import { blastAddressBook } from "./blast/address-book.ts";
import { blastPing, blastRoutes } from "./blast/blast.ts";
import { createBodyDrain } from "./guards/body-drain.ts";
import { createBodySize } from "./guards/body-size.ts";
import { createClientIp } from "./guards/client-ip.ts";
import { createRouter, type AppEnv, type Declared } from "./context.ts";
import { findDeclared } from "./declared.ts";
import { createErrorHandler, openErrorResponses, stateRefusalsBeforeRoutes } from "./errors.ts";
import { requireJson } from "./bodies/json-body.ts";
import { readJsonText } from "./bodies/json-text.ts";
import { createRateLimit } from "./guards/rate-limit.ts";
import { createRequestLog } from "./guards/request-log.ts";
import { backupRoutes, restoreRoutes } from "./routes/backup.ts";
import { bulkRoutes } from "./routes/bulks.ts";
import { cleanupRoutes } from "./routes/cleanup.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes, type Health } from "./routes/health.ts";
import { messageActionRoutes } from "./routes/message-actions.ts";
import { messageRoutes } from "./routes/messages.ts";
import { paceRoutes } from "./routes/pace.ts";
import { pairingCodeRoutes } from "./routes/pairing-code.ts";
import { qrRoutes } from "./routes/qr.ts";
import { screenshotRoutes } from "./routes/screenshot.ts";
import { sessionRoutes } from "./routes/sessions.ts";
import { suppressionRoutes } from "./routes/suppressions.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { whatsappHealthRoutes } from "./routes/whatsapp-health.ts";

/** JSON around the media: the other fields, quotes and names. */
const BODY_MARGIN_BYTES = 256 * 1024;
/** How long a backup or restore waits for its turn: many sessions are backed up by one script, which asks for them all. */
const BACKUP_WAIT_MS = 30_000;

export type AppDeps = {
  sessions: SessionService;
  pairing: Pairing;
  screenshot: Screenshot;
  addressBook: AddressBook;
  backup: ReturnType<typeof createBackup>;
  restore: ReturnType<typeof createRestore>;
  messages: MessageService;
  actions: MessageActions;
  bulks: BulkService;
  pace: Pace;
  /** What waits for its turn may go sooner now. */
  onPaceChanged: (sessionId: string) => void;
  suppressions: Suppressions;
  /** A recipient as it is kept. Throws `invalid_phone_number`, naming the field. */
  toRecipient: (text: string, field: string) => string;
  feed: EventFeed;
  webhooks: WebhookService;
  health: Health;
  whatsappHealth: () => WhatsAppHealth;
  cleanup: () => Promise<Cleanup>;
  /** Hears of every error that becomes an answer. */
  onError: (error: Error) => void;
  settings: {
    apiKey: string;
    allowedIps: string[];
    trustedProxies: string[];
    strangers: StrangerLimits;
    rateLimitPerMinute: number;
    maxMediaBytes: number;
    /** Of the largest that may come. */
    mediaAtOnce: number;
    eventStreams: number;
    backupsAtOnce: number;
    dataDir: string;
    maxBackupBytes: number;
    version: string;
  };
  clock: Clock;
  log: Log;
};

const documentRoute = createRoute({
  method: "get",
  path: "/openapi.json",
  summary: "This document",
  security: [],
  responses: {
    200: {
      description: "the document",
      content: { "application/json": { schema: z.looseObject({ openapi: z.literal("3.1.0") }) } },
    },
    ...openErrorResponses("ip_not_allowed", "rate_limited", "too_many_wrong_keys"),
  },
});

/** What the API takes and answers, as JSON. Made when it is first asked for, once all routes are there, as that takes about 100 ms. */
function openApiDocument(app: ReturnType<typeof createRouter>, version: string): () => string {
  let text: string | undefined;
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", {
    type: "apiKey",
    in: "header",
    name: "X-API-Key",
  });
  return () => {
    if (text !== undefined) return text;
    stateRefusalsBeforeRoutes(app.openAPIRegistry.definitions);
    const info = { title: "WhatsApp Engine", version };
    text = JSON.stringify(app.getOpenAPI31Document({ openapi: "3.1.0", info, security: [{ apiKey: [] }] }));
    return text;
  };
}

type Guard = ReturnType<typeof createMiddleware<AppEnv>>;

/** Guards the calls whose routes do not declare that they are without this. */
const unless = (isWithout: (declared: Declared) => boolean, guard: Guard): Guard =>
  createMiddleware<AppEnv>((c, next) => (isWithout(c.get("declared")) ? next() : guard(c, next)));
const isOpen = (declared: Declared) => declared.isOpen;
/** Its form is of a kind and size of its own. */
const readsItself = ({ takesJson, takesForm }: Declared) => takesForm && !takesJson;

/** The HTTP API: guards, in this order, which read what a call's route declares; then the routes, in any order but where it is said. */
export function createApp(deps: AppDeps) {
  const { settings, log } = deps;
  const app = createRouter();
  app.onError(createErrorHandler(log, { note: deps.onError }));
  app.notFound(() => {
    throw new AppError("not_found", "There is no such call; GET /openapi.json lists all.");
  });

  app.use(requestId());
  app.use(createRequestLog(log));
  app.use(createBodyDrain());
  app.use(createClientIp(settings));
  app.use(findDeclared(app));
  const key = createApiKeyCheck({ ...settings, limits: settings.strangers, clock: deps.clock, log });
  app.use(unless(({ isUnlimited }) => isUnlimited, key.limit));
  app.use(unless(isOpen, key.check));
  if (settings.rateLimitPerMinute > 0) app.use(unless(isOpen, createRateLimit(settings.rateLimitPerMinute)));
  const isLetBe = (declared: Declared) => declared.isOpen || readsItself(declared);
  app.use(unless(isLetBe, requireJson));
  const maxBodyBytes = Math.ceil((settings.maxMediaBytes * 4) / 3) + BODY_MARGIN_BYTES;
  app.use(unless(isLetBe, createBodySize(maxBodyBytes, settings.mediaAtOnce)));
  app.use(unless(isLetBe, readJsonText));

  const document = openApiDocument(app, settings.version);
  app.openapi(documentRoute, (c) => c.body(document(), 200, { "Content-Type": "application/json" }) as never);
  const backupGate = createGate({
    room: settings.backupsAtOnce,
    waitMs: BACKUP_WAIT_MS,
    of: `As many backups and restores as may be at once (BACKUP_CONCURRENCY, ${settings.backupsAtOnce})`,
  });
  app.route("/", healthRoutes(deps));
  app.route("/", blastPing());
  app.route("/", whatsappHealthRoutes(deps));
  app.route("/", cleanupRoutes(deps));
  app.route("/", sessionRoutes(deps));
  app.route("/", qrRoutes(deps));
  app.route("/", pairingCodeRoutes(deps));
  app.route("/", screenshotRoutes(deps));
  app.route("/", backupRoutes({ backup: deps.backup, gate: backupGate }));
  app.route("/", restoreRoutes({ restore: deps.restore, settings, gate: backupGate }));
  // Before those of messages, of which `bulk` would be an id.
  app.route("/", bulkRoutes(deps));
  app.route("/", messageRoutes(deps));
  app.route("/", blastRoutes(deps));
  app.route("/", blastAddressBook(deps));
  app.route("/", messageActionRoutes(deps));
  app.route("/", paceRoutes(deps));
  app.route("/", suppressionRoutes(deps));
  app.route("/", eventRoutes(deps));
  app.route("/", webhookRoutes(deps));
  return app;
}
