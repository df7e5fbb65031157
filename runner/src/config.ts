import { problemsAsText } from "@whatsapp-engine/contract/api";
import { runnerEnvironmentSchema } from "@whatsapp-engine/contract/runner";
import type { z } from "zod";

const environment = runnerEnvironmentSchema.transform((env) => ({
  runnerId: env.RUNNER_ID,
  profileId: env.RUNNER_PROFILE_ID,
  /** Number of this runner among those of its profile: each new one has a higher. */
  generation: env.RUNNER_GENERATION,
  token: env.RUNNER_TOKEN,
  profileDir: env.RUNNER_PROFILE_DIR,
  host: env.RUNNER_HOST,
  port: env.RUNNER_PORT,
  browserArgs: env.RUNNER_BROWSER_ARGS,
  chromiumPath: env.RUNNER_CHROMIUM_PATH,
  /** User and group to become before anything is touched; null: those that it was started as. */
  uid: env.RUNNER_UID ?? null,
  startTimeoutMs: env.RUNNER_START_TIMEOUT_SECONDS * 1000,
  /** How long a page that was up, or whose code was scanned, may be without a connection before it is opened anew. */
  connectTimeoutMs: env.RUNNER_CONNECT_TIMEOUT_SECONDS * 1000,
  qrTimeoutMs: env.RUNNER_QR_TIMEOUT_SECONDS * 1000,
  /** Memory in MB from which on it is brought back; 0: no mark. */
  memorySoftMb: env.RUNNER_MEMORY_SOFT_MB,
  /** Room on the disk in MB from which on it ends, its login kept; 0: no mark. */
  profileMaxMb: env.RUNNER_PROFILE_MAX_MB,
  /** The only version of WhatsApp Web to open; null: what WhatsApp serves. */
  whatsappVersion: env.RUNNER_WHATSAPP_VERSION ?? null,
  /** The account was linked: a profile without a login has lost it. */
  expectsLogin: env.RUNNER_EXPECTS_LOGIN,
  /** File that is there while the account is connected; null: none. */
  healthFile: env.RUNNER_HEALTH_FILE ?? null,
  logLevel: env.RUNNER_LOG_LEVEL,
}));

export type Config = z.infer<typeof environment>;

/** Reads the runner's settings; throws one error that names every bad variable. An empty variable counts as not set. */
export const parseConfig = (env: Record<string, string | undefined>): Config => {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = environment.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new Error(`The runner's settings are wrong: ${problemsAsText(parsed.error)}.`);
};
