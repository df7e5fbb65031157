import type { RunnerState } from "@whatsapp-engine/contract/runner";
import type { Builds } from "./builds.ts";
import type { Log } from "../lib/logger.ts";
import type { RunnerClient } from "../connection/index.ts";
import type { Background } from "../lib/background.ts";
import type { PageCopies } from "./page-copies.ts";
import type { SessionRow } from "../sessions/index.ts";

type Pinnable = Pick<SessionRow, "whatsappVersionPin">;
type Startable = Pick<SessionRow, "id" | "whatsappVersion" | "whatsappVersionPin">;
type Pages = Pick<RunnerClient, "givePage">;

export type VersionPins = ReturnType<typeof createVersionPins>;

/** Which version of WhatsApp Web a session is started with, and how its runner gets the document. */
export function createVersionPins(deps: {
  copies: PageCopies;
  /** Of all sessions without a pin of their own; null: as the builds are. */
  pinnedForAll: string | null;
  builds: Pick<Builds, "versionFor" | "seen">;
  background: Background;
  log: Log;
}) {
  const { copies, pinnedForAll, builds, background, log } = deps;
  const given = new WeakSet<Pages>();

  const pinOf = ({ whatsappVersionPin }: Pinnable): string | null => whatsappVersionPin ?? pinnedForAll;

  async function giveTo(client: Pages, version: string): Promise<void> {
    const html = await copies.use(version);
    if (html === null)
      return log.warn({ version }, "the copy of WhatsApp Web that a runner waits for is gone");
    await client.givePage(html);
  }

  async function give(client: Pages, version: string): Promise<void> {
    try {
      await giveTo(client, version);
    } catch (err) {
      given.delete(client); // again with its next state: its stream breaks too where it cannot be reached
      log.warn({ version, err }, "a runner did not get its copy of WhatsApp Web");
    }
  }

  return {
    /** The only version that it may open; null: any that is good for all. */
    pinOf,

    /** The version to open for a session now; null: whatever WhatsApp serves. */
    versionFor: (row: Startable): string | null => pinOf(row) ?? builds.versionFor(row),

    /** Hands over the copy that a runner waits for, if there is one. Throws `RunnerUnavailable`. */
    giveTo,

    /**
     * The version to start a session's runner with; null: whatever WhatsApp serves. Throws where no copy is kept of the one
     * that it is pinned to: another one is never taken.
     */
    versionToStart(row: Startable): string | null {
      const pin = pinOf(row);
      if (pin === null) return builds.versionFor(row);
      if (copies.has(pin)) return pin;
      const kept = copies.list().map((copy) => copy.version);
      throw new Error(
        `There is no copy of WhatsApp Web ${pin}, to which the session is pinned; kept are: ${kept.join(", ") || "none yet"}. Pin it to one of these, or take the pin off.`,
      );
    },

    /** With every state that a followed runner tells: hands over the copy it waits for, or has one made of what it was served. */
    exchange(client: Pages, { awaitsPage, whatsappVersion, status }: RunnerState): void {
      if (awaitsPage !== null) {
        if (given.has(client)) return;
        given.add(client);
        return background.run(() => give(client, awaitsPage));
      }
      const loaded = status === "qr_ready" || status === "connected";
      if (loaded && whatsappVersion !== null) builds.seen(whatsappVersion);
    },
  };
}
