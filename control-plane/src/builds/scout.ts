import { randomUUID } from "node:crypto";
import type { RunnerState, WhatsAppPage } from "@whatsapp-engine/contract/runner";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/logger.ts";
import { followWarmRunner, type RunnerClient } from "../connection/index.ts";
import type { ProfileStore, RunnerHost, RunnerInfo } from "../runtime/index.ts";
import { WARM_GENERATION, type WarmStore } from "../sessions/index.ts";

/** How much longer than the runner itself allows until its page is up. */
const MARGIN_MS = 10_000;

export type Scout = ReturnType<typeof createScout>;

/**
 * Looks which WhatsApp Web is served, by a runner on a fresh profile that nobody ever links. What a session is served is never
 * kept: a page of one account is nothing to hand to another.
 */
export function createScout(deps: {
  rows: WarmStore;
  host: RunnerHost;
  profiles: ProfileStore;
  listRunners: () => Promise<readonly RunnerInfo[]>;
  runnerToken: (runnerId: string) => string;
  /** From start to a code; the runner gives up then. */
  startTimeoutMs: number;
  clock: Clock;
  log: Log;
}) {
  const { rows, host, profiles, clock, log } = deps;

  /** The document, once its page is up; null: it did not come to that. */
  async function served(runnerId: string, signal: AbortSignal): Promise<WhatsAppPage | null> {
    const endpoint = await host.endpoint(runnerId);
    const token = deps.runnerToken(runnerId);
    const late = AbortSignal.any([signal, AbortSignal.timeout(deps.startTimeoutMs + MARGIN_MS)]);
    let unfollow = async (): Promise<void> => {};
    const up = new Promise<RunnerClient | null>((resolve) => {
      late.addEventListener("abort", () => resolve(null));
      if (late.aborted) resolve(null);
      const onState = (state: RunnerState, client: RunnerClient) => {
        const { status, reason, detail, whatsappVersion } = state;
        // A page that gets no further was served all the same.
        if (status === "qr_ready" || (whatsappVersion !== null && reason === "start_timeout"))
          return resolve(client);
        if (status !== "disconnected") return;
        log.warn({ reason, detail }, "the WhatsApp Web that is served did not come up");
        resolve(null);
      };
      const onLost = () => resolve(null);
      const { listRunners } = deps;
      unfollow = followWarmRunner({
        runnerId,
        endpoint,
        token,
        listRunners,
        onState,
        onSilence() {},
        onLost,
        clock,
      });
    });
    try {
      return (await (await up)?.servedPage()) ?? null;
    } finally {
      await unfollow();
    }
  }

  async function remove({ profileId, runnerId }: { profileId: string; runnerId: string }): Promise<void> {
    await host.remove(runnerId, { graceSeconds: 0 });
    await profiles.remove(profileId);
    rows.remove(profileId);
  }

  const removeOrSay = (names: { profileId: string; runnerId: string }) =>
    remove(names).catch((err: unknown) =>
      log.warn(
        { err },
        "a browser that looked at WhatsApp Web was not removed; tried again with the next look",
      ),
    );

  return {
    /** Throws what the runtime or the runner throws. */
    async look(signal: AbortSignal): Promise<WhatsAppPage | null> {
      // What an earlier look left.
      for (const row of rows.looks()) await removeOrSay(row);
      const names = { profileId: randomUUID(), runnerId: randomUUID() };
      // With its row the profile is known for one that is nobody's.
      rows.add({ ...names, createdAt: clock.now(), purpose: "look" });
      try {
        const token = deps.runnerToken(names.runnerId);
        const spec = { ...names, generation: WARM_GENERATION, sessionId: null, token };
        await host.ensure({ ...spec, expectsLogin: false, whatsappVersion: null });
        return await served(names.runnerId, signal);
      } finally {
        await removeOrSay(names);
      }
    },
  };
}
