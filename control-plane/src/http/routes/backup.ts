import { createRoute, z } from "@hono/zod-openapi";
import { backupRequestSchema, sessionAnswerSchema, sessionIdSchema } from "@whatsapp-engine/contract/api";
import type { createBackup, createRestore } from "../../logins/index.ts";
import type { Gate } from "../../lib/gate.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";
import { answerFile } from "../file-answer.ts";
import { readRestoreForm } from "../bodies/restore-form.ts";

const request = { params: z.object({ sessionId: sessionIdSchema }) };

const backup = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/backup",
  summary: "The session's login as one encrypted file",
  description:
    "An age file (https://age-encryption.org/v1) with a tar in it: the login, and the journal of what was sent. The session's browser is closed for some seconds meanwhile, and started again if it ran. Whoever has the file and the passphrase is the account.",
  request: {
    ...request,
    body: { required: true, content: { "application/json": { schema: backupRequestSchema } } },
  },
  responses: {
    200: {
      description: "the file",
      content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
    },
    ...errorResponses(
      "invalid_session_id",
      "invalid_request",
      "invalid_json",
      "unsupported_media_type",
      "session_not_found",
      "session_not_linked",
      "backup_too_large",
      "too_busy",
      "runtime_unavailable",
    ),
  },
});

const restore = createRoute({
  method: "post",
  path: "/sessions/{sessionId}/restore",
  summary: "Give a session, which is made if there is none, the login of a backup, and start it",
  description:
    "The session must not run, or show a code. Its login is replaced only once the whole file was opened and checked. Never let two engines run the same login.",
  request: {
    ...request,
    body: {
      required: true,
      content: {
        "multipart/form-data": {
          schema: {
            type: "object",
            required: ["passphrase", "file"],
            properties: {
              passphrase: { type: "string", maxLength: 1024 },
              file: { type: "string", format: "binary" },
            },
          },
        },
      },
    },
  },
  responses: {
    200: {
      description: "it was there",
      content: { "application/json": { schema: sessionAnswerSchema } },
    },
    201: { description: "created", content: { "application/json": { schema: sessionAnswerSchema } } },
    ...errorResponses(
      "invalid_session_id",
      "invalid_request",
      "invalid_form",
      "unsupported_media_type",
      "session_conflict",
      "session_running",
      "backup_too_large",
      "wrong_passphrase",
      "invalid_backup",
      "capacity_exceeded",
      "too_busy",
      "runtime_unavailable",
    ),
  },
});

/** Each backup and restore takes a thread, and 256 MB while its key is made of a passphrase. */
export const backupRoutes = (deps: { backup: ReturnType<typeof createBackup>; gate: Gate }) =>
  createRouter().openapi(backup, async (c) => {
    const { passphrase } = c.req.valid("json");
    const { sessionId } = c.req.valid("param");
    const { file, filename } = await deps.gate.run(() => deps.backup(sessionId, passphrase));
    const body = file.read();
    body.once("close", () => void file.close());
    return answerFile(c, body, {
      "Content-Type": "application/octet-stream",
      "Content-Length": String(file.bytes),
      "Content-Disposition": `attachment; filename="${filename}"`,
      "Cache-Control": "no-store",
    });
  });

export const restoreRoutes = (deps: {
  restore: ReturnType<typeof createRestore>;
  gate: Gate;
  settings: { dataDir: string; maxBackupBytes: number };
}) =>
  createRouter().openapi(restore, async (c) => {
    const { dataDir, maxBackupBytes } = deps.settings;
    const { sessionId } = c.req.valid("param");
    // The file is not read before there is room.
    const { created, session } = await deps.gate.run(async () => {
      const { passphrase, backup: spooled } = await readRestoreForm(c.env.incoming, {
        dir: dataDir,
        maxBytes: maxBackupBytes,
      });
      try {
        return await deps.restore(sessionId, spooled, passphrase);
      } finally {
        await spooled.close();
      }
    });
    return c.json({ success: true as const, session }, created ? 201 : 200);
  });
