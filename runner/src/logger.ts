import { pino, type Logger } from "pino";

export type { Logger };

/** What must never reach a log, whatever a caller puts in. */
const secret = [
  "token",
  "authorization",
  "qr",
  "code",
  "text",
  "body",
  "to",
  "from",
  "phoneNumber",
  "chatId",
  "key",
];

/** One JSON line per entry on stdout. Phone numbers, bodies, codes and tokens are blotted out by name. */
export const createLogger = (options: { level: string; runnerId: string }): Logger =>
  pino({
    level: options.level,
    base: { runnerId: options.runnerId },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    redact: { paths: secret.flatMap((name) => [name, `*.${name}`]), censor: "[redacted]" },
  });
