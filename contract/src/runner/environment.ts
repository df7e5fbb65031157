import { z } from "zod";
import { whatsappVersionSchema } from "../api/session.ts";

/** Where a runner in a container listens. */
export const RUNNER_CONTAINER_PORT = 8080;

const whole = (min: number, max?: number) =>
  z.codec(z.string(), max === undefined ? z.int().min(min) : z.int().min(min).max(max), {
    decode: Number,
    encode: String,
  });
const seconds = z.codec(z.string(), z.number().positive(), { decode: Number, encode: String });
const absolutePath = z.string().startsWith("/", "must be an absolute path");
const texts = z.codec(z.string(), z.array(z.string()), {
  decode(text, { issues }) {
    try {
      return JSON.parse(text) as string[];
    } catch {
      issues.push({ code: "custom", message: "must be a JSON array of strings", input: text });
      return z.NEVER;
    }
  },
  encode: (list) => JSON.stringify(list),
});

/** A runner's environment: what the runtimes write and the runner reads, which reads nothing else. A time is in seconds. */
export const runnerEnvironmentSchema = z.object({
  RUNNER_ID: z.string().min(1),
  RUNNER_PROFILE_ID: z.string().min(1),
  /** Number of this runner among those of its profile; a newer one has a higher. */
  RUNNER_GENERATION: whole(0).default(0),
  RUNNER_TOKEN: z.string().min(16),
  /** Folder it owns (the volume). */
  RUNNER_PROFILE_DIR: absolutePath,
  RUNNER_HOST: z.string().default("127.0.0.1"),
  /** 0 picks a free one. */
  RUNNER_PORT: whole(0, 65_535).default(RUNNER_CONTAINER_PORT),
  /** JSON array, extra Chromium arguments. */
  RUNNER_BROWSER_ARGS: texts.default([]),
  RUNNER_CHROMIUM_PATH: z.string().default("/usr/lib/chromium/chromium-headless-shell"),
  /** Set where it is started as root: user and group that it becomes before it touches its profile. */
  RUNNER_UID: whole(1).optional(),
  /** From start to a QR or a login, else `start_timeout`. */
  RUNNER_START_TIMEOUT_SECONDS: seconds.default(90),
  /** Without a connection after one, or after a scan, else `connect_timeout`. */
  RUNNER_CONNECT_TIMEOUT_SECONDS: seconds.default(300),
  /** From the first QR, or the profile's first claim where that is later, to a scan, else `qr_expired`. */
  RUNNER_QR_TIMEOUT_SECONDS: seconds.default(300),
  /** Memory in MB from which on it opens its page, or its browser, anew; 0: none. */
  RUNNER_MEMORY_SOFT_MB: whole(0).default(0),
  /** Room on the disk in MB from which on it ends with `profile_too_large`; 0: none. */
  RUNNER_PROFILE_MAX_MB: whole(0).default(0),
  /** The only version of WhatsApp Web to open, whose HTML it waits for; without it what WhatsApp serves. */
  RUNNER_WHATSAPP_VERSION: whatsappVersionSchema.optional(),
  /** The account was linked: a profile without a login then opens nothing and says `login_lost`. */
  RUNNER_EXPECTS_LOGIN: z.stringbool().default(false),
  /** File that is there while the account is connected. */
  RUNNER_HEALTH_FILE: absolutePath.optional(),
  RUNNER_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
});
export type RunnerEnvironment = z.output<typeof runnerEnvironmentSchema>;

/** What every runner needs to be told; anything else has a value that stands if it is not. */
type Given = Partial<RunnerEnvironment> &
  Pick<RunnerEnvironment, "RUNNER_ID" | "RUNNER_PROFILE_ID" | "RUNNER_TOKEN" | "RUNNER_PROFILE_DIR">;

/** The variables that a runner is started with. Throws `ZodError` for what the runner would not take. */
export function encodeRunnerEnvironment(given: Given): Record<string, string> {
  const encoded = z.encode(runnerEnvironmentSchema.partial(), given);
  const set = Object.entries(encoded).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(set);
}
