import { pino, type DestinationStream, type Logger, type LoggerOptions } from "pino";

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
  "passphrase",
];

/** Structured lines, on stdout unless told otherwise. Phone numbers, QR codes, message texts and keys are redacted by field name. */
export function createLogger(level: string, destination: DestinationStream = openStdout()): Log {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: secret.flatMap((name) => [name, `*.${name}`]).filter((path) => !allowed.has(path)),
      censor: "[redacted]",
    },
  };
  return pino(options, destination);
}

/**
 * Where nobody takes the lines any more (a terminal that was closed) they are dropped. Pino does so for a pipe (EPIPE)
 * and would throw for a terminal (EIO), then try for ever to write what is left.
 */
function openStdout(): DestinationStream {
  const stdout = pino.destination(1);
  stdout.on("error", () => Object.assign(stdout, { write: () => true, flushSync: () => {} }));
  return stdout;
}

/** `err.message` is ours, or an engine's or browser's; those texts carry no content of messages. */
const allowed = new Set(["*.message", "*.code"]);
