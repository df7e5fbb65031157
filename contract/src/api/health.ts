import { z } from "zod";
import { canarySchema } from "./builds.ts";
import { sessionStatuses } from "./session.ts";

export const healthAnswerSchema = z.object({
  success: z.literal(true),
  status: z.enum(["ok", "starting"]),
  version: z.string(),
  uptimeSeconds: z.number().int(),
  /** How many sessions are in which state; left out while the engine starts. */
  sessions: z
    .object(
      Object.fromEntries(sessionStatuses.map((status) => [status, z.number().int()])) as Record<
        (typeof sessionStatuses)[number],
        z.ZodNumber
      >,
    )
    .optional(),
  /** Runners that wait for a new session: those that show a code, and those on their way to one. Left out while the engine starts. */
  warmRunners: z.object({ ready: z.number().int(), starting: z.number().int() }).optional(),
});

export const readyAnswerSchema = z.object({ success: z.literal(true), status: z.literal("ready") });

/** How whatsapp-web.js and WhatsApp Web's page get on, over all sessions. */
export const whatsappHealthSchema = z.object({
  /** A line for each build of WhatsApp Web that a session has last seen; null: none yet. The one of most sessions first. */
  builds: z.array(
    z.object({
      whatsappVersion: z.string().nullable(),
      sessions: z.number().int(),
      connected: z.number().int(),
      /** Versions of the library that its runners have, and mends that they applied to the page, by name. */
      libraryVersions: z.array(z.string()),
      mends: z.array(z.string()),
      /** How often the runners there are now opened a page anew (`page_reloaded`) or a browser (`browser_restarted`). */
      mendCounts: z.record(z.string(), z.number().int()),
      /** What holds sessions up that should be connected, by reason. */
      troubles: z.record(z.string(), z.number().int()),
    }),
  ),
  /** Versions of WhatsApp Web of which a copy is kept, so that a session can be pinned to them; the one used last first. */
  copies: z.array(
    z.object({ whatsappVersion: z.string(), bytes: z.number().int(), usedAt: z.iso.datetime() }),
  ),
  /** Version of all sessions without a pin of their own (WHATSAPP_VERSION); null: whatever WhatsApp serves. */
  pinnedForAll: z.string().nullable(),
  /** Sessions with a pin of their own. */
  pins: z.array(z.object({ whatsappVersion: z.string(), sessionIds: z.array(z.string()) })),
  /** Builds that were found, the newest first, and which of them sessions are started with. */
  canary: canarySchema,
  /**
   * Sessions of which something could not be read and is kept aside: `byEngine` lines of their runners, the first hundred of each in
   * the table `unread_lines`; `byRunner` lines of the runner's journal and reports of the page, in `unread.ndjson` of the profile.
   */
  unread: z.array(
    z.object({
      sessionId: z.string(),
      byEngine: z.number().int(),
      byRunner: z.number().int(),
      lastAt: z.iso.datetime().nullable(),
    }),
  ),
  /** What became of messages handed over since the beginning of yesterday, UTC, by the sessions there are. */
  outcomes: z.object({
    since: z.iso.datetime(),
    sent: z.number().int(),
    failed: z.number().int(),
    unknown: z.number().int(),
  }),
});
export type WhatsAppHealth = z.infer<typeof whatsappHealthSchema>;

export const whatsappHealthAnswerSchema = z.object({
  success: z.literal(true),
  whatsapp: whatsappHealthSchema,
});

export const cleanupKinds = [
  "containers",
  "profiles",
  "media",
  "events",
  "deliveries",
  "messages",
  "files",
] as const;
export type CleanupKind = (typeof cleanupKinds)[number];

/** What was removed since the engine's start, as nobody needed it any more, and what is kept though no session has it. */
export const cleanupSchema = z.object({
  /** End of the last run; null: the first is not at its end. */
  lastRunAt: z.iso.datetime().nullable(),
  removed: z.object(
    Object.fromEntries(cleanupKinds.map((kind) => [kind, z.number().int()])) as Record<
      CleanupKind,
      z.ZodNumber
    >,
  ),
  /** Profiles: each may hold a login. */
  kept: z.array(z.object({ profileId: z.string(), why: z.string() })),
  /**
   * Runners of other installations on the same Docker engine, which are never touched; null: the engine does not answer now.
   * Without Docker none is known. `docker ps --all --filter label=io.whatsapp-engine.install=<installId>` shows them.
   */
  otherRunners: z
    .array(
      z.object({
        installId: z.string(),
        runnerId: z.string(),
        liveness: z.enum(["alive", "gone"]),
        createdAt: z.iso.datetime(),
      }),
    )
    .nullable(),
  /** What the last run could not look at; of it nothing was removed. */
  failures: z.array(z.object({ kind: z.enum(cleanupKinds), why: z.string() })),
});
export type Cleanup = z.infer<typeof cleanupSchema>;

export const cleanupAnswerSchema = cleanupSchema.extend({ success: z.literal(true) });
