import type { WhatsAppClient } from "./whatsapp/client.ts";

/** A number that was found is asked for again after this time. */
const KEPT_MS = 60 * 60 * 1000;
const MAX_KEPT = 10_000;

/**
 * Finds the chat a message goes to. Numbers are looked up on WhatsApp; those found are remembered for an hour, and no longer than
 * the page does: a page that was not told the person's LID can open no chat with them.
 */
export const createNumbers = (now: () => number = Date.now) => {
  const kept = new Map<string, { chatId: string; until: number }>();
  return {
    /** The chat's id; null: the number is not on WhatsApp. `to`: digits, or a chat id. */
    chatOf: async (client: WhatsAppClient, to: string): Promise<string | null> => {
      const digits = /^(\d+)(@c\.us)?$/.exec(to)?.[1];
      if (digits === undefined) return to;
      const known = kept.get(digits);
      if (known !== undefined && known.until > now()) return known.chatId;
      const { chatId } = await client.checkNumber(digits);
      kept.delete(digits);
      if (chatId !== null) kept.set(digits, { chatId, until: now() + KEPT_MS });
      if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value!);
      return chatId;
    },
    /** Another page knows nobody. */
    forget: (): void => kept.clear(),
  };
};
