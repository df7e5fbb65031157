import { setTimeout as delay } from "node:timers/promises";
import type { ErrorCode } from "@whatsapp-engine/contract/api";
import type { Answer, Api } from "../support/api.ts";
import type { Random } from "./random.ts";

/** One call of an application, and the texts of the messages in it. */
export type Call = { sessionId: string; texts: string[]; path: string; body: object; key: string | null };

/** Pause of a caller who had no answer before it asks again. */
const AGAIN_MS = 150;
/** Refusals of what is not accepted now, and may be in a moment. */
const LATER: readonly (ErrorCode | undefined)[] = [
  "session_not_connected",
  "runner_unavailable",
  "runtime_unavailable",
  "database_unavailable",
  "shutting_down",
  "queue_full",
];
const MOST_IN_A_BULK = 6;

/** Calls that come to `count` messages in all: async with and without a key, sync, and bulks. */
export function planTraffic(
  random: Random,
  seed: number,
  count: number,
  sessions: readonly string[],
): Call[] {
  const calls: Call[] = [];
  const texts = Array.from({ length: count }, (_, i) => `chaos ${seed} ${i + 1}`);
  while (texts.length > 0) {
    const sessionId = random.pick(sessions);
    const first = random.between(0, 9);
    const to = (offset: number) => `628120000000${(first + offset) % 10}`;
    const key = `call-${calls.length}`;
    const kind = random.pick(["async", "async", "async without key", "sync", "sync", "bulk"] as const);
    if (kind === "bulk") {
      const inBulk = texts.splice(0, random.between(2, MOST_IN_A_BULK));
      const recipients = inBulk.map((message, i) => ({ to: to(i), message }));
      calls.push({ sessionId, texts: inBulk, path: "messages/bulk", body: { recipients }, key });
      continue;
    }
    const [message = ""] = texts.splice(0, 1);
    const body = { to: to(0), message, async: kind !== "sync" };
    calls.push({
      sessionId,
      texts: [message],
      path: "send",
      body,
      key: kind === "async without key" ? null : key,
    });
  }
  return calls;
}

/**
 * Makes a call as a careful application does: where the connection broke it asks again with the same key, and without
 * one not at all, as the message may have been accepted. Resolves with its texts if they were; to nothing where nobody
 * said so.
 */
export async function make(api: Api, call: Call, signal: AbortSignal): Promise<string[]> {
  const { sessionId, texts, path, body, key } = call;
  const headers = key === null ? {} : { "Idempotency-Key": key };
  for (;;) {
    signal.throwIfAborted();
    const answer = await api(`POST /sessions/${sessionId}/${path}`, body, { headers }).catch(() => undefined);
    if (answer === undefined && key === null) return [];
    if (answer !== undefined && wasAccepted(answer)) return texts;
    if (answer !== undefined && !LATER.includes(answer.body.error?.code))
      throw new Error(`'${texts.join("', '")}' was refused: ${answer.status} ${answer.text}`);
    await delay(AGAIN_MS);
  }
}

/** A message that was accepted and then failed is named in the refusal. */
const wasAccepted = ({ status, body }: Answer): boolean =>
  status < 300 || (body.error as { messageId?: string } | undefined)?.messageId !== undefined;
