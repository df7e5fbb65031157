import { Pool, errors } from "undici";
import type { z } from "zod";
import {
  AppError,
  encodeSend,
  sendRecordSchema,
  streamLineSchema,
  type SendCommand,
  type SendRecord,
  type StreamLine,
} from "@whatsapp-engine/contract";

const CALL_TIMEOUT_MS = 2_000;
/** Logging out talks to WhatsApp's server and closes a browser. */
const LOGOUT_TIMEOUT_MS = 10_000;
/** How much longer than the runner's own deadline a send's answer may take. */
const SEND_MARGIN_MS = 1_000;
/** The runner pings every 5 s; after this silence the stream counts as broken. */
const STREAM_SILENCE_MS = 15_000;

/** A call to a runner that failed. `neverArrived`: proven that not a byte of it reached the runner. */
export class RunnerUnavailable extends AppError {
  readonly neverArrived: boolean;

  constructor(cause: unknown) {
    super("runner_unavailable", "The session's runner does not answer; try again in a moment.", {
      cause,
      retryAfterSeconds: 2,
    });
    const code = (cause as { code?: unknown }).code;
    this.neverArrived =
      code === "ECONNREFUSED" || code === "EHOSTUNREACH" || cause instanceof errors.ConnectTimeoutError;
  }
}

/** One runner over HTTP, keep-alive. Calls that fail throw `RunnerUnavailable`. */
export type RunnerClient = {
  claim(sessionId: string, claimedAt: string): Promise<void>;
  send(command: SendCommand): Promise<SendRecord>;
  /** null: this profile never heard of the message. */
  findSend(messageId: string): Promise<SendRecord | null>;
  logout(): Promise<void>;
  /** Lines from the journal after `after` and then live ones, until the stream breaks (throws) or `signal` aborts. */
  stream(after: number, signal: AbortSignal): AsyncGenerator<StreamLine>;
  close(): Promise<void>;
};

export function createRunnerClient(endpoint: { host: string; port: number }, token: string): RunnerClient {
  // No limit of connections: a call would wait for a free one without a deadline, a logout behind many sends too.
  const pool = new Pool(`http://${endpoint.host}:${endpoint.port}`, {
    connect: { timeout: 2_000 },
    keepAliveTimeout: 60_000,
    bodyTimeout: STREAM_SILENCE_MS,
  });
  const headers = { authorization: `Bearer ${token}` };

  async function call(
    method: "GET" | "POST",
    path: string,
    body: string | Buffer | undefined,
    timeoutMs: number,
  ) {
    try {
      const response = await pool.request({
        method,
        path,
        headers,
        headersTimeout: timeoutMs,
        ...(body === undefined ? {} : { body }),
      });
      return { status: response.statusCode, text: await response.body.text() };
    } catch (cause) {
      throw new RunnerUnavailable(cause);
    }
  }

  async function read<S extends z.ZodType>(schema: S, answer: { status: number; text: string }) {
    if (answer.status >= 300) throw new RunnerUnavailable(new Error(`runner answered ${answer.status}`));
    try {
      return schema.parse(JSON.parse(answer.text)) as z.infer<S>;
    } catch (cause) {
      throw new RunnerUnavailable(new Error("runner's answer cannot be read", { cause }));
    }
  }

  async function command(path: string, body: unknown, timeoutMs: number) {
    const { status } = await call("POST", path, JSON.stringify(body), timeoutMs);
    if (status >= 300) throw new RunnerUnavailable(new Error(`runner answered ${status}`));
  }

  return {
    claim: (sessionId, claimedAt) => command("/claim", { sessionId, claimedAt }, CALL_TIMEOUT_MS),
    send: async (send) =>
      read(sendRecordSchema, await call("POST", "/send", encodeSend(send), send.timeoutMs + SEND_MARGIN_MS)),
    findSend: async (messageId) => {
      const answer = await call("GET", `/sends/${encodeURIComponent(messageId)}`, undefined, CALL_TIMEOUT_MS);
      return answer.status === 404 ? null : read(sendRecordSchema, answer);
    },
    logout: () => command("/logout", undefined, LOGOUT_TIMEOUT_MS),

    async *stream(after, signal) {
      const response = await pool.request({
        method: "GET",
        path: `/events?after=${after}`,
        headers,
        headersTimeout: CALL_TIMEOUT_MS,
        signal,
      });
      if (response.statusCode !== 200) {
        await response.body.dump();
        throw new RunnerUnavailable(new Error(`runner answered ${response.statusCode}`));
      }
      for await (const line of lines(response.body)) yield streamLineSchema.parse(JSON.parse(line));
      throw new RunnerUnavailable(new Error("the runner's event stream ended"));
    },

    close: () => pool.destroy(),
  };
}

async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part !== "") yield part;
  }
}
