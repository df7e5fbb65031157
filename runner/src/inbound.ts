import type { RunnerEvent } from "@whatsapp-engine/contract/runner";
import { shortIdOf } from "./message-key.ts";

/** The same for the same happening, told live or found later; null for what is not inbound. */
const inboundId = (event: RunnerEvent): string | null => {
  switch (event.type) {
    case "message_received":
      return `message ${shortIdOf(event.whatsappId)}`;
    case "message_reaction": {
      // A person may be named by number in one place and by LID in another.
      const who = event.phoneNumber ?? event.from;
      return `reaction ${shortIdOf(event.whatsappId)} ${who} ${event.timestamp} ${event.emoji}`;
    }
    case "message_edited":
      return `edit ${shortIdOf(event.whatsappId)} ${event.timestamp}`;
    case "message_revoked":
      return `revocation ${shortIdOf(event.whatsappId)}`;
    case "call_received":
      return `call ${event.callId}`;
    case "message_ack":
    case "send_settled":
      return null;
  }
};

/** Ids that are remembered; a sweep reaches back a few minutes behind the newest message. */
const MAX_KNOWN = 10_000;

/**
 * What came in already. It outlives the events themselves, which the journal forgets after a while: a sweep that found
 * them again would tell them twice.
 */
export const createSeen = (now: () => number) => {
  const ids = new Set<string>();
  let newest = 0;

  const remember = (id: string): void => {
    ids.add(id);
    if (ids.size > MAX_KNOWN) ids.delete(ids.values().next().value!);
  };

  return {
    has: (event: RunnerEvent): boolean => ids.has(inboundId(event) ?? ""),
    add: (event: RunnerEvent): void => {
      const id = inboundId(event);
      if (id === null) return;
      remember(id);
      // Only this time is of WhatsApp's server; those of other events are of their senders' clocks. One that is to come
      // would have the next sweep pass over all before it.
      if (event.type === "message_received")
        newest = Math.max(newest, Math.floor(Math.min(Date.parse(event.timestamp), now()) / 1000));
    },
    /** Time of the newest message in Unix seconds; 0: none came yet. */
    newest: (): number => newest,
    kept: () => ({ newest, ids: [...ids] }),
    restore: (kept: { newest: number; ids: readonly string[] }): void => {
      newest = Math.min(Math.max(newest, kept.newest), Math.floor(now() / 1000));
      kept.ids.forEach(remember);
    },
  };
};
