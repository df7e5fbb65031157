import { pino, type Logger } from "pino";

export type Log = Logger;

/** Fields that never reach a log, at the top and one level down. */
const secret = [
  "phoneNumber",
  "to",
  "from",
  "qr",
  "code",
  "message",
  "body",
  "text",
  "caption",
  "apiKey",
  "token",
];

/** Structured lines on stdout. Phone numbers, QR codes, message texts and keys are redacted by field name. */
export function createLogger(level: string): Log {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: secret.flatMap((name) => [name, `*.${name}`]).filter((path) => !allowed.has(path)),
      censor: "[redacted]",
    },
  });
}

/** `err.message` is ours, or an engine's or browser's; those texts carry no content of messages. */
const allowed = new Set(["*.message", "*.code"]);
