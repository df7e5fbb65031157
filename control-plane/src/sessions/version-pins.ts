import type { RunnerState } from "@whatsapp-engine/contract";
import type { Log } from "../logger.ts";
import type { RunnerClient } from "../runner-client.ts";
import type { Background } from "./background.ts";
import type { PageCopies } from "./page-copies.ts";
import type { SessionRow } from "./store.ts";

type Pinnable = Pick<SessionRow, "whatsappVersionPin">;
type Pages = Pick<RunnerClient, "servedPage" | "givePage">;

export type VersionPins = ReturnType<typeof createVersionPins>;

/** Which version of WhatsApp Web a session is started with, and how its document comes from one runner to another. */
export function createVersionPins(deps: {
  copies: PageCopies;
  /** Of all sessions without a pin of their own; null: whatever WhatsApp serves. */
  pinnedForAll: string | null;
  background: Background;
  log: Log;
}) {
  const { copies, pinnedForAll, background, log } = deps;
  /** Versions that a runner is asked for. */
  const asked = new Set<string>();
  /** Who had nothing to give is not asked again with each state that it tells. */
  const without = new WeakSet<Pages>();
  const given = new WeakSet<Pages>();

  const versionFor = ({ whatsappVersionPin }: Pinnable): string | null => whatsappVersionPin ?? pinnedForAll;

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

  async function keep(client: Pages, version: string): Promise<void> {
    try {
      const page = await client.servedPage();
      if (page?.version !== version) return void without.add(client);
      await copies.keep(version, page.html);
      log.info({ version }, "a copy of WhatsApp Web is kept");
    } catch (err) {
      without.add(client);
      log.warn({ version, err }, "no copy of WhatsApp Web could be kept");
    } finally {
      asked.delete(version);
    }
  }

  return {
    versionFor,

    /** Hands over the copy that a runner waits for, if there is one. Throws `RunnerUnavailable`. */
    giveTo,

    /** The version to start a session's runner with. Throws where no copy of it is kept: another one is never taken. */
    versionToStart(row: Pinnable): string | null {
      const version = versionFor(row);
      if (version === null || copies.has(version)) return version;
      const kept = copies.list().map((copy) => copy.version);
      throw new Error(
        `There is no copy of WhatsApp Web ${version}, to which the session is pinned; kept are: ${kept.join(", ") || "none yet"}. Pin it to one of these, or take the pin off.`,
      );
    },

    /** With every state that a followed runner tells: hands over the copy it waits for, or keeps one of what it was served. */
    exchange(client: Pages, { awaitsPage, whatsappVersion, status }: RunnerState): void {
      if (awaitsPage !== null) {
        if (given.has(client)) return;
        given.add(client);
        return background.run(() => give(client, awaitsPage));
      }
      const loaded = status === "qr_ready" || status === "connected";
      if (!loaded || whatsappVersion === null || without.has(client) || asked.has(whatsappVersion)) return;
      if (copies.has(whatsappVersion)) return;
      asked.add(whatsappVersion);
      background.run(() => keep(client, whatsappVersion));
    },
  };
}
