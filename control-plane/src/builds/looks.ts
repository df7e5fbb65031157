import { sessions, type Db } from "@whatsapp-engine/db";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import type { Background } from "../lib/background.ts";
import type { PageCopies } from "./page-copies.ts";
import type { Scout } from "./scout.ts";
import type { BuildStore } from "./store.ts";

const FIRST_LOOK_MS = 5_000;

/** When it is looked which build is served; a copy of it is kept, and its row. */
export function createLooks(deps: {
  db: Db;
  scout: Scout;
  store: BuildStore;
  copies: PageCopies;
  /** Whether the machine has room for a browser more. */
  hasRoom: () => boolean;
  /** Between two looks; 0: never looked. */
  everyMs: number;
  background: Background;
  clock: Clock;
  log: Log;
}) {
  const { db, copies, everyMs, background, clock, log } = deps;
  /** When a version without a copy was last looked for. */
  const lookedFor = new Map<string, number>();
  let lastAt: number | null = null;
  let looking = false;
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    // Without a session there is nobody whom it would be of use to.
    if (db.select({ id: sessions.id }).from(sessions).limit(1).get() === undefined) return;
    if (!deps.hasRoom()) return log.debug("no room for a browser that looks at WhatsApp Web");
    lastAt = clock.now();
    try {
      const page = await deps.scout.look(background.stopping);
      if (page === null) return;
      const { version, html } = page;
      if (!copies.has(version)) log.info({ version }, "a copy of WhatsApp Web is kept");
      await copies.keep(version, html);
      deps.store.found(version);
    } catch (err) {
      log.warn({ err }, "it could not be looked which WhatsApp Web is served");
    }
  }

  function lookIn(ms: number): void {
    if (everyMs === 0 || looking || background.stopping.aborted) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      looking = true;
      background.run(() =>
        look().finally(() => {
          looking = false;
          lookIn(everyMs);
        }),
      );
    }, ms).unref();
  }

  return {
    /** In milliseconds since 1970; null: not yet. */
    lastAt: () => lastAt,

    /** A session runs a build of which there may be no copy: it is looked for at once, by a browser of its own, now and then. */
    seen(version: string): void {
      const now = clock.now();
      for (const [other, at] of lookedFor) if (now - at >= everyMs) lookedFor.delete(other);
      if (lookedFor.has(version)) return;
      lookedFor.set(version, now);
      if (!copies.has(version)) lookIn(0);
    },

    open: (): void => lookIn(Math.min(FIRST_LOOK_MS, everyMs)),
    close: (): void => clearTimeout(timer),
  };
}
