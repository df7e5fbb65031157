import { Webhook } from "standardwebhooks";
import { Agent, request } from "undici";
import { AddressRefused, createAddressGuard } from "../lib/address-guard.ts";
import type { Clock } from "../lib/clock.ts";

/** For connecting, sending and the answer together. */
const TIMEOUT_MS = 10_000;
/** A longer answer is not read to its end. */
const MAX_ANSWER_BYTES = 16 * 1024;
const NAME_TIMEOUT_MS = 3_000;

export type CallResult = {
  ok: boolean;
  /** Null: nobody answered. */
  status: number | null;
  /** Null if it is ok. */
  error: string | null;
  retryAfterMs: number | null;
  /** The beginning of the answer's body. */
  answer: string | null;
};

export type WebhookCaller = ReturnType<typeof createWebhookCaller>;

/** Calls receivers, signed by the Standard Webhooks scheme. Redirects are not followed. */
export function createWebhookCaller({
  permits,
  clock,
}: {
  permits: (address: string) => boolean;
  clock: Clock;
}) {
  const guard = createAddressGuard({ permits, setting: "WEBHOOK_ALLOW_PRIVATE" });
  const agent = new Agent({ connect: { timeout: TIMEOUT_MS, lookup: guard.lookup } });

  let closed: Promise<void> | undefined;

  async function post(url: URL, headers: Record<string, string>, body: string): Promise<CallResult> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await request(url, { method: "POST", headers, body, dispatcher: agent, signal });
    const { statusCode: status } = response;
    const ok = status >= 200 && status < 300;
    const redirect = status >= 300 && status < 400 ? "; redirects are not followed" : "";
    return {
      ok,
      status,
      error: ok ? null : `answered ${status}${redirect}`,
      retryAfterMs: ok ? null : retryAfter(response.headers["retry-after"], clock.now()),
      answer: await beginningOf(response.body),
    };
  }

  return {
    /** One attempt. Never throws. `secrets`: each signs. */
    async call(call: {
      url: string;
      secrets: readonly string[];
      id: string;
      body: string;
    }): Promise<CallResult> {
      const at = new Date(clock.now());
      try {
        const headers = {
          "content-type": "application/json",
          "user-agent": "whatsapp-engine",
          "webhook-id": call.id,
          "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
          "webhook-signature": call.secrets
            .map((secret) => new Webhook(secret).sign(call.id, at, call.body))
            .join(" "),
        };
        return await post(guard.check(call.url), headers, call.body);
      } catch (error) {
        return { ok: false, status: null, error: reasonOf(error), retryAfterMs: null, answer: null };
      }
    },

    /**
     * Refuses what would be refused at every call. A name that cannot be resolved now is let through.
     * Throws `AddressRefused`.
     */
    async check(text: string): Promise<void> {
      const { hostname } = guard.check(text);
      const refused = await new Promise<Error | null>((resolve) => {
        setTimeout(resolve, NAME_TIMEOUT_MS, null).unref();
        guard.lookup(hostname.replace(/^\[|\]$/g, ""), { all: true }, (error) => resolve(error));
      });
      if (refused instanceof AddressRefused) throw refused;
    },

    /** Breaks off what is under way. Closing twice is fine. */
    close: (): Promise<void> => (closed ??= agent.destroy()),
  };
}

function reasonOf(error: unknown): string {
  if (error instanceof AddressRefused) return error.message;
  const { name, code } = error as { name?: string; code?: string };
  if (name === "TimeoutError" || code === "UND_ERR_CONNECT_TIMEOUT")
    return `did not answer within ${TIMEOUT_MS / 1000} s`;
  return `cannot be reached (${code ?? name ?? "unknown error"})`;
}

/** Seconds or a date (RFC 9110, 10.2.3); null for anything else. */
function retryAfter(header: string | string[] | undefined, now: number): number | null {
  if (typeof header !== "string") return null;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** What the receiver did was said by its status; an answer that breaks off changes nothing. */
async function beginningOf(body: AsyncIterable<Buffer> & { destroy(): unknown }): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) break;
    }
  } catch {
    body.destroy();
  }
  return Buffer.concat(chunks).toString();
}
