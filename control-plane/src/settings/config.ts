import { isIP } from "node:net";
import { resolve } from "node:path";
import { getCountries, type CountryCode } from "libphonenumber-js/max";
import { z } from "zod";
import { OperatorError, problemsAsText, whatsappVersionSchema } from "@whatsapp-engine/contract/api";

/** The key that stands in `env.example`; an engine that runs with it would be open to everyone who read that file. */
export const PLACEHOLDER_API_KEY = "change-me-to-a-long-random-key";
const MIN_API_KEY_LENGTH = 16;
/** Our choice: what is left is about what a page takes for a moment while it loads a history or a file. */
const SOFT_SHARE = 0.8;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(min, `must be ${min} or more`).max(max, `must be ${max} or less`));

const flag = z.enum(["true", "false"], "must be true or false").transform((text) => text === "true");

const list = z.string().transform((text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== ""),
);

const isAddressRange = (text: string) => {
  const [address = "", prefix, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
};
const addressList = list.refine((parts) => parts.every(isAddressRange), {
  message: "must be IP addresses or ranges such as 10.0.0.0/8, separated by commas",
});

/**
 * Between what systemd gives to containers and what some programs take for negative, where it names nobody (UIDS-GIDS.md of
 * systemd), and above all of `/etc/subuid`; so many that two installations hardly choose the same one.
 */
const RUNNER_UIDS = { first: 1_900_000_000, last: 1_999_999_999 };
/** The last that Linux gives is 2^32 - 3: the two above it say "none". */
const MAX_UID = 4_294_967_293;
const uidRange = z
  .string()
  .regex(/^\d{1,10}-\d{1,10}$/, "must be two user ids, such as 1900000000-1999999999")
  .transform((text) => {
    const [first = 0, last = 0] = text.split("-").map(Number);
    return { first, last };
  })
  .refine(({ first, last }) => first > 0 && first <= last && last <= MAX_UID, {
    message: `must be two user ids from 1 to ${MAX_UID}, the lower one first`,
  });

const jsonStrings = z.string().transform((text, ctx) => {
  try {
    const parsed = z.array(z.string()).safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch {
    // said below
  }
  ctx.addIssue({ code: "custom", message: 'must be a JSON array of strings, such as ["--lang=id"]' });
  return z.NEVER;
});

const environmentSchema = z.object({
  PORT: integer(0, 65_535).default(3000),
  HOST: z.string().default("127.0.0.1"),
  API_KEY: z
    .string()
    .min(MIN_API_KEY_LENGTH, `must have ${MIN_API_KEY_LENGTH} characters or more`)
    .regex(/^[\x21-\x7e]*$/, "must be of letters, digits and signs of ASCII, without spaces")
    .refine((key) => key !== PLACEHOLDER_API_KEY, "is the placeholder of env.example; put a key of your own")
    .optional(),
  /** Read before, by `withSecretFiles`. */
  API_KEY_FILE: z.string().optional(),
  ALLOWED_IPS: addressList.default([]),
  TRUSTED_PROXIES: addressList.default([]),
  DATA_DIR: z
    .string()
    .default("./data")
    .transform((path) => resolve(path)),
  RUNTIME: z.enum(["auto", "docker", "process"], "must be auto, docker or process").default("auto"),
  DOCKER_HOST: z
    .string()
    .regex(/^(unix:\/\/\/|tcp:\/\/)/, "must begin with unix:/// or tcp://")
    .optional(),
  RUNNER_IMAGE: z.string().default("whatsapp-engine-runner:latest"),
  RUNNER_BROWSER_ARGS: jsonStrings.default([]),
  CHROMIUM_PATH: z.string().optional(),
  RUNNER_MEMORY_MB: integer(256, 65_536).default(1024),
  RUNNER_MEMORY_SOFT_MB: integer(0, 65_536).optional(),
  PROFILE_MAX_MB: integer(0, 1_048_576).default(1024),
  RUNNER_CPUS: z
    .string()
    .regex(/^\d+(\.\d+)?$/, "must be a number such as 1.5")
    .transform(Number)
    .pipe(z.number().min(0.1, "must be 0.1 or more"))
    .default(2),
  RUNNER_PIDS: integer(128, 32_768).default(256),
  RUNNER_UIDS: uidRange.default(RUNNER_UIDS),
  RUNNER_START_TIMEOUT_SECONDS: integer(5, 600).default(60),
  RUNNER_START_CONCURRENCY: integer(1, 64).default(4),
  MAX_SESSIONS: integer(0, 100_000).default(0),
  MIN_FREE_MEMORY_MB: integer(0, 1_048_576).default(256),
  MAX_LOAD_PER_CPU: z
    .string()
    .regex(/^\d+(\.\d+)?$/, "must be a number such as 4")
    .transform(Number)
    .default(0),
  QR_TIMEOUT_SECONDS: integer(20, 86_400).default(300),
  HIBERNATE_AFTER_MINUTES: integer(0, 10_080).default(0),
  WHATSAPP_VERSION: whatsappVersionSchema.optional(),
  WHATSAPP_LOOK_SECONDS: integer(0, 604_800).default(3600),
  WHATSAPP_CANARY: z.enum(["auto", "on", "off"], "must be auto, on or off").default("auto"),
  WHATSAPP_CANARY_SESSION: z.string().max(64).optional(),
  WHATSAPP_CANARY_PROVE_SECONDS: integer(0, 604_800).default(3600),
  WHATSAPP_CANARY_TEXTS: integer(1, 10_000).default(10),
  WHATSAPP_CANARY_DAYS: integer(1, 365).default(3),
  WARM_RUNNERS: integer(0, 10).default(0),
  WARM_RUNNER_MAX_AGE_MINUTES: integer(1, 1_440).default(30),
  RATE_LIMIT_PER_MINUTE: integer(0, 1_000_000).default(1200),
  RATE_LIMIT_WITHOUT_KEY: integer(0, 1_000_000).default(60),
  RATE_LIMIT_WRONG_KEY: integer(0, 1_000_000).default(10),
  DEFAULT_COUNTRY: z
    .string()
    .refine(
      (code) => getCountries().includes(code as CountryCode),
      "must be a two-letter country code such as ID",
    )
    .default("ID"),
  SEND_TIMEOUT_SECONDS: integer(1, 25).default(20),
  SEND_RATE_PER_MINUTE: integer(0, 10_000).default(0),
  SEND_BURST: integer(1, 1_000).default(10),
  SEND_PAUSE_MS: integer(0, 86_400_000).default(0),
  SEND_MAX_PER_DAY: integer(0, 100_000).default(0),
  RECIPIENT_PAUSE_SECONDS: integer(0, 86_400).default(0),
  RECIPIENT_MAX_PER_DAY: integer(0, 1_000).default(0),
  STOP_WORDS: list.default([]),
  ACCOUNT_LIMIT_ACTION: z.enum(["wait", "fail"], "must be wait or fail").default("wait"),
  ACCOUNT_LIMIT_RETRY_MINUTES: integer(1, 1_440).default(60),
  QUEUE_MAX_MESSAGES: integer(1, 1_000_000).default(10_000),
  REPEAT_SECONDS: integer(0, 3_600).default(60),
  MESSAGE_EXPIRY_HOURS: integer(0, 8_760).default(24),
  MESSAGE_RETENTION_DAYS: integer(0, 36_500).default(90),
  MEDIA_MAX_MB: integer(1, 100).default(16),
  MEDIA_RETENTION_HOURS: integer(1, 8_760).default(48),
  MEDIA_CONCURRENCY: integer(1, 64).default(4),
  MEDIA_FETCH_TIMEOUT_SECONDS: integer(1, 20).default(10),
  MEDIA_URL_ALLOW_PRIVATE: flag.default(false),
  BULK_CONCURRENCY: integer(1, 64).default(4),
  BACKUP_MAX_MB: integer(1, 10_000).default(200),
  BACKUP_CONCURRENCY: integer(1, 16).default(2),
  EVENT_STREAMS_MAX: integer(1, 10_000).default(100),
  EVENT_RETENTION_DAYS: integer(0, 36_500).default(30),
  WEBHOOK_ALLOW_PRIVATE: flag.default(false),
  SHUTDOWN_TIMEOUT_SECONDS: integer(1, 120).default(10),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
});

/** Every setting. */
export const settingNames: readonly string[] = Object.keys(environmentSchema.shape);

/** Settings that may be given as a file too, by the setting `<name>_FILE`. */
export const secretNames = ["API_KEY"] as const;

/** What only `docker-compose.yml` reads. */
export const composeOnlyNames: readonly string[] = ["DOCKER_SOCKET"];

export type Config = ReturnType<typeof parseConfig>;

/**
 * The environment as settings, with defaults. An empty variable counts as not given.
 * Every bad variable is named in one `OperatorError`; secrets are not repeated in it.
 */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>) {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) {
    const bad = problemsAsText(parsed.error);
    throw new OperatorError(`Bad settings: ${bad}. env.example lists all settings.`);
  }
  const env = parsed.data;
  return {
    port: env.PORT,
    host: env.HOST,
    apiKey: env.API_KEY,
    allowedIps: env.ALLOWED_IPS,
    trustedProxies: env.TRUSTED_PROXIES,
    dataDir: env.DATA_DIR,
    runtime: env.RUNTIME,
    dockerHost: env.DOCKER_HOST,
    chromiumPath: env.CHROMIUM_PATH,
    runner: {
      image: env.RUNNER_IMAGE,
      browserArgs: env.RUNNER_BROWSER_ARGS,
      memoryMb: env.RUNNER_MEMORY_MB,
      memorySoftMb: env.RUNNER_MEMORY_SOFT_MB ?? Math.floor(env.RUNNER_MEMORY_MB * SOFT_SHARE),
      /** Room on the disk; 0: whatever it takes. */
      profileMaxMb: env.PROFILE_MAX_MB,
      cpus: env.RUNNER_CPUS,
      pids: env.RUNNER_PIDS,
      uids: env.RUNNER_UIDS,
      startTimeoutSeconds: env.RUNNER_START_TIMEOUT_SECONDS,
      startConcurrency: env.RUNNER_START_CONCURRENCY,
      qrTimeoutSeconds: env.QR_TIMEOUT_SECONDS,
    },
    limits: {
      maxSessions: env.MAX_SESSIONS,
      minFreeMemoryMb: env.MIN_FREE_MEMORY_MB,
      maxLoadPerCpu: env.MAX_LOAD_PER_CPU,
    },
    hibernateAfterMinutes: env.HIBERNATE_AFTER_MINUTES,
    /** Of WhatsApp Web, for all sessions without a pin of their own; null: whatever WhatsApp serves. */
    whatsappVersion: env.WHATSAPP_VERSION ?? null,
    canary: {
      mode: env.WHATSAPP_CANARY,
      sessionId: env.WHATSAPP_CANARY_SESSION ?? null,
      lookMs: env.WHATSAPP_LOOK_SECONDS * 1000,
      proveMs: env.WHATSAPP_CANARY_PROVE_SECONDS * 1000,
      texts: env.WHATSAPP_CANARY_TEXTS,
      patienceMs: env.WHATSAPP_CANARY_DAYS * 24 * HOUR_MS,
    },
    warmRunners: { wanted: env.WARM_RUNNERS, maxAgeMs: env.WARM_RUNNER_MAX_AGE_MINUTES * MINUTE_MS },
    rateLimitPerMinute: env.RATE_LIMIT_PER_MINUTE,
    strangers: {
      withoutKeyPerMinute: env.RATE_LIMIT_WITHOUT_KEY,
      wrongKeyPerMinute: env.RATE_LIMIT_WRONG_KEY,
    },
    messages: {
      defaultCountry: env.DEFAULT_COUNTRY as CountryCode,
      sendTimeoutMs: env.SEND_TIMEOUT_SECONDS * 1000,
      maxQueued: env.QUEUE_MAX_MESSAGES,
      expireAfterMs: env.MESSAGE_EXPIRY_HOURS * HOUR_MS,
      repeatMs: env.REPEAT_SECONDS * 1000,
      bulksAtOnce: env.BULK_CONCURRENCY,
      accountLimits: {
        onLimit: env.ACCOUNT_LIMIT_ACTION,
        firstRetryMs: env.ACCOUNT_LIMIT_RETRY_MINUTES * MINUTE_MS,
      },
      stopWords: env.STOP_WORDS,
      retentionMs: env.MESSAGE_RETENTION_DAYS * 24 * HOUR_MS,
      mediaRetentionMs: env.MEDIA_RETENTION_HOURS * HOUR_MS,
      media: {
        maxBytes: env.MEDIA_MAX_MB * 1024 * 1024,
        atOnce: env.MEDIA_CONCURRENCY,
        fetchTimeoutMs: env.MEDIA_FETCH_TIMEOUT_SECONDS * 1000,
        allowPrivate: env.MEDIA_URL_ALLOW_PRIVATE,
      },
    },
    pace: {
      perMinute: env.SEND_RATE_PER_MINUTE,
      burst: env.SEND_BURST,
      pauseMs: env.SEND_PAUSE_MS,
      perDay: env.SEND_MAX_PER_DAY,
      recipientPauseMs: env.RECIPIENT_PAUSE_SECONDS * 1000,
      recipientPerDay: env.RECIPIENT_MAX_PER_DAY,
    },
    maxBackupBytes: env.BACKUP_MAX_MB * 1024 * 1024,
    backupsAtOnce: env.BACKUP_CONCURRENCY,
    eventStreams: env.EVENT_STREAMS_MAX,
    eventRetentionMs: env.EVENT_RETENTION_DAYS * 24 * HOUR_MS,
    webhookAllowPrivate: env.WEBHOOK_ALLOW_PRIVATE,
    shutdownTimeoutMs: env.SHUTDOWN_TIMEOUT_SECONDS * 1000,
    logLevel: env.LOG_LEVEL,
  };
}
