import { AppError } from "@whatsapp-engine/contract/api";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import type { Background } from "../lib/background.ts";
import type { Idle } from "./idle.ts";
import type { LiveSessions } from "../connection/index.ts";
import type { SessionService } from "../sessions/index.ts";

/** How often it is looked for idle sessions, and for hibernated ones that are needed. */
const LOOK_MS = 5_000;
/**
 * WhatsApp unlinks a device that does not come for about 30 days (its help centre, "About linked devices"); a session that
 * hibernates this long is woken once, takes in what came, and hibernates again.
 */
const LONGEST_SLEEP_MS = 7 * 24 * 60 * 60_000;
/** How long it stays connected then, in milliseconds: what WhatsApp kept for it is in by that time. Our choice. */
const VISIT_MS = 10 * 60_000;

/** Closes sessions that nobody uses, and wakes those that are needed again. */
export function createHibernation(deps: {
  idle: Idle;
  live: LiveSessions;
  sessions: Pick<SessionService, "hibernate" | "wake" | "letSleep">;
  background: Background;
  clock: Clock;
  log: Log;
}) {
  const { idle, live, sessions, background, clock, log } = deps;
  const closing = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  /** What was of use in between keeps it open, and is no fault. */
  async function hibernate(sessionId: string): Promise<void> {
    if (closing.has(sessionId)) return;
    closing.add(sessionId);
    try {
      await sessions.hibernate(sessionId);
    } catch (err) {
      if (!(err instanceof AppError)) throw err;
      log.info({ sessionId, err }, "an idle session was not closed");
    } finally {
      closing.delete(sessionId);
    }
  }

  /** What its disk did not take is in the runner's memory only. */
  const mayClose = (sessionId: string) => (live.get(sessionId)?.state?.diskTrouble ?? null) === null;

  async function look(): Promise<void> {
    const now = clock.now();
    const toWake = idle.toWake(now - LONGEST_SLEEP_MS);
    for (const sessionId of toWake) sessions.wake(sessionId, { isVisit: !idle.isNeeded(sessionId, now) });
    for (const sessionId of idle.notWoken()) if (!toWake.includes(sessionId)) sessions.letSleep(sessionId);
    for (const id of idle.visited(now - VISIT_MS, now)) if (mayClose(id)) background.run(() => hibernate(id));
    for (const { id, mayIdleMs } of idle.idle(now)) {
      const usedAt = live.get(id)?.usedAt ?? 0;
      if (usedAt + mayIdleMs <= now && mayClose(id)) background.run(() => hibernate(id));
    }
  }

  return {
    open(): void {
      background.run(look);
      timer = setInterval(() => background.run(look), LOOK_MS);
    },
    close: (): void => clearInterval(timer),
  };
}
