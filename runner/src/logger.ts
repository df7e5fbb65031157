import { pino, stdSerializers, stdTimeFunctions, type DestinationStream, type Logger } from "pino";

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

/** Errors come from WhatsApp Web too, which puts numbers into them. */
const withoutNumbers = (text: string): string => text.replace(/\d{7,}/g, "[redacted]");

const serializeError = (error: unknown) => {
  const { type, message, stack } = stdSerializers.err(error as Error);
  return {
    type,
    message: withoutNumbers(String(message ?? error)),
    stack: withoutNumbers(String(stack ?? "")),
  };
};

/** One JSON line per entry on stdout. Phone numbers, bodies, codes and tokens are blotted out. */
export const createLogger = (
  options: { level: string; runnerId: string },
  destination: DestinationStream = openStdout(),
): Logger =>
  pino(
    {
      level: options.level,
      base: { runnerId: options.runnerId },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: serializeError, failure: withoutNumbers },
      redact: { paths: secret.flatMap((name) => [name, `*.${name}`]), censor: "[redacted]" },
    },
    destination,
  );

/**
 * Where nobody takes the lines any more (a terminal that was closed) they are dropped. Pino does so for a pipe (EPIPE)
 * and would throw for a terminal (EIO), then try for ever to write what is left.
 */
const openStdout = (): DestinationStream => {
  const stdout = pino.destination(1);
  stdout.on("error", () => Object.assign(stdout, { write: () => true, flushSync: () => {} }));
  return stdout;
};
