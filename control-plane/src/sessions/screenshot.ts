import { AppError } from "@whatsapp-engine/contract/api";
import type { LiveSessions } from "../connection/index.ts";
import type { SessionService } from "./service.ts";

/** A session's page as PNG, as it looks now. */
export type Screenshot = (sessionId: string) => Promise<Buffer<ArrayBuffer>>;

/** Its function throws `session_not_found`, `screenshot_not_available`, `runner_unavailable`, `runtime_unavailable`. */
export const createScreenshot =
  ({ live, sessions }: { live: LiveSessions; sessions: Pick<SessionService, "reachable"> }): Screenshot =>
  async (sessionId) => {
    const { status, reason } = sessions.reachable(sessionId);
    const png = await live.get(sessionId)?.client.screenshot();
    if (png) return png;
    const message = `Session '${sessionId}' is ${status}${reason ? ` (${reason})` : ""} and has no page open.`;
    throw new AppError("screenshot_not_available", message, { extra: { status, reason } });
  };
