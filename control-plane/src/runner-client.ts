import type { Readable } from "node:stream";
import { Pool, errors } from "undici";
import type { z } from "zod";
import {
  parseWellFormed,
  contactsSchema,
  groupsSchema,
  type ContactEntry,
  type GroupEntry,
  actionResultSchema,
  AppError,
  encodeSend,
  logoutResultSchema,
  MAX_PAGE_BYTES,
  numberCheckSchema,
  pairingResultSchema,
  sendRecordSchema,
  staleClaimSchema,
  streamLineSchema,
  whatsappPageSchema,
  type ActionResult,
  type NumberCheck,
  type PairingResult,
  type SendCommand,
  type SendRecord,
  type StaleClaim,
  type StreamLine,
  type UnlinkOutcome,
  type WhatsAppPage,
} from "@whatsapp-engine/contract";

const CALL_TIMEOUT_MS = 2_000;
/** The runner waits 10 s for a login to connect, 4 s for WhatsApp's answer, and twice 4 s for the browser to close. */
const LOGOUT_TIMEOUT_MS = 25_000;
/** The page is asked, and asks WhatsApp's server. */
const NUMBER_TIMEOUT_MS = 10_000;
/** The runner itself answers after 10 s what it knows then, and gives a download 18 s. */
const ACTION_TIMEOUT_MS = 12_000;
const MEDIA_TIMEOUT_MS = 19_000;
/** The page gets 10 s to draw itself. */
const SCREENSHOT_TIMEOUT_MS = 12_000;
/** The runner answers after 8 s what it knows then. */
const PAIRING_TIMEOUT_MS = 10_000;
/** A document of up to a few MB. */
const PAGE_TIMEOUT_MS = 10_000;
/** The runner itself gives up before. */
const ADDRESS_BOOK_TIMEOUT_MS = 55_000;
/** In JSON a character may take six bytes. */
const MAX_PAGE_ANSWER_BYTES = 6 * MAX_PAGE_BYTES;
/** How much longer than the runner's own deadline a send's answer may take. */
const SEND_MARGIN_MS = 1_000;
/** The runner pings every 5 s; after this silence the stream counts as broken. */
const STREAM_SILENCE_MS = 15_000;

/**
 * A call to a runner that failed. `neverArrived`: proven that not a byte of it reached the runner; `answered`: the runner is
 * there, and its answer was of no use.
 */
export class RunnerUnavailable extends AppError {
  readonly neverArrived: boolean;
  readonly answered: boolean;

  constructor(cause: unknown, { answered = false } = {}) {
    super("runner_unavailable", "The session's runner does not answer; try again in a moment.", {
      cause,
      retryAfterSeconds: 2,
    });
    this.answered = answered;
    const code = (cause as { code?: unknown }).code;
    this.neverArrived =
      code === "ECONNREFUSED" || code === "EHOSTUNREACH" || cause instanceof errors.ConnectTimeoutError;
  }
}

/** A runner that may not touch its profile, as that has a newer one. */
export class StaleClaimFound extends RunnerUnavailable {
  readonly newerGeneration: number;

  constructor({ newerGeneration }: StaleClaim) {
    super(new Error(`runner number ${newerGeneration} of the profile is newer`), { answered: true });
    this.newerGeneration = newerGeneration;
  }
}

export type RunnerMedia = { body: Readable; bytes: number; mimetype: string; filename: string | null };

/** One runner over HTTP, keep-alive. Calls that fail throw `RunnerUnavailable`. */
export type RunnerClient = {
  claim(sessionId: string, claimedAt: string): Promise<void>;
  send(command: SendCommand): Promise<SendRecord>;
  /** null: this profile never heard of the message. */
  findSend(messageId: string): Promise<SendRecord | null>;
  checkNumber(digits: string): Promise<NumberCheck>;
  /** Whom the account knows. */
  contacts(): Promise<{ contacts: ContactEntry[] }>;
  /** The account's groups, with who is in them. */
  groups(): Promise<{ groups: GroupEntry[] }>;
  react(whatsappId: string, emoji: string): Promise<ActionResult>;
  edit(whatsappId: string, text: string): Promise<ActionResult>;
  revoke(whatsappId: string): Promise<ActionResult>;
  /** A message's file; `not_found`: no such message, or no file in it; `gone`: WhatsApp has it no more. */
  media(whatsappId: string): Promise<RunnerMedia | "not_found" | "gone">;
  /** The page as PNG; null: none is open. */
  screenshot(): Promise<Buffer<ArrayBuffer> | null>;
  /** The document of WhatsApp Web that it was served; null: it knows of none. */
  servedPage(): Promise<WhatsAppPage | null>;
  /** Hands over the document it waits for. */
  givePage(html: Buffer): Promise<void>;
  /** null: no account can be linked now. */
  pairingCode(phoneNumber: string): Promise<PairingResult | null>;
  logout(): Promise<UnlinkOutcome>;
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
    method: "GET" | "POST" | "PUT",
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
    if (answer.status === 409) throw notConnected();
    if (answer.status === 421) throw new StaleClaimFound(staleClaimSchema.parse(JSON.parse(answer.text)));
    if (answer.status >= 300) throw useless(`runner answered ${answer.status}`);
    try {
      return schema.parse(parseWellFormed(answer.text)) as z.infer<S>;
    } catch (cause) {
      throw useless("runner's answer cannot be read", cause);
    }
  }

  async function command(path: string, body: unknown, timeoutMs: number) {
    const { status } = await call("POST", path, JSON.stringify(body), timeoutMs);
    if (status >= 300) throw useless(`runner answered ${status}`);
  }

  const act = async (whatsappId: string, what: "react" | "edit" | "delete", body?: object) =>
    read(
      actionResultSchema,
      await call(
        "POST",
        `/messages/${encodeURIComponent(whatsappId)}/${what}`,
        body && JSON.stringify(body),
        ACTION_TIMEOUT_MS,
      ),
    );

  return {
    claim: (sessionId, claimedAt) => command("/claim", { sessionId, claimedAt }, CALL_TIMEOUT_MS),
    send: async (send) =>
      read(sendRecordSchema, await call("POST", "/send", encodeSend(send), send.timeoutMs + SEND_MARGIN_MS)),
    findSend: async (messageId) => {
      const answer = await call("GET", `/sends/${encodeURIComponent(messageId)}`, undefined, CALL_TIMEOUT_MS);
      return answer.status === 404 ? null : read(sendRecordSchema, answer);
    },
    checkNumber: async (digits) =>
      read(numberCheckSchema, await call("GET", `/numbers/${digits}`, undefined, NUMBER_TIMEOUT_MS)),
    contacts: async () =>
      read(contactsSchema, await call("GET", "/contacts", undefined, ADDRESS_BOOK_TIMEOUT_MS)),
    groups: async () => read(groupsSchema, await call("GET", "/groups", undefined, ADDRESS_BOOK_TIMEOUT_MS)),
    react: (whatsappId, emoji) => act(whatsappId, "react", { emoji }),
    edit: (whatsappId, text) => act(whatsappId, "edit", { text }),
    revoke: (whatsappId) => act(whatsappId, "delete"),
    media: async (whatsappId) => {
      const path = `/messages/${encodeURIComponent(whatsappId)}/media`;
      const {
        statusCode,
        headers: about,
        body,
      } = await pool
        .request({ method: "GET", path, headers, headersTimeout: MEDIA_TIMEOUT_MS })
        .catch((cause: unknown) => {
          throw new RunnerUnavailable(cause);
        });
      if (statusCode === 200) {
        const filename = about["x-filename"];
        return {
          body,
          bytes: Number(about["content-length"]),
          mimetype: String(about["content-type"]),
          filename: typeof filename === "string" ? decodeURIComponent(filename) : null,
        };
      }
      await body.dump();
      if (statusCode === 404) return "not_found";
      if (statusCode === 410) return "gone";
      if (statusCode === 409) throw notConnected();
      throw useless(`runner answered ${statusCode}`);
    },
    screenshot: async () => {
      try {
        const { statusCode, body } = await pool.request({
          method: "GET",
          path: "/screenshot",
          headers,
          headersTimeout: SCREENSHOT_TIMEOUT_MS,
        });
        if (statusCode === 200) return Buffer.from(await body.arrayBuffer());
        await body.dump();
        if (statusCode === 409) return null;
        throw new Error(`runner answered ${statusCode}`);
      } catch (cause) {
        throw new RunnerUnavailable(cause);
      }
    },
    servedPage: async () => {
      const {
        statusCode,
        headers: about,
        body,
      } = await pool
        .request({ method: "GET", path: "/page", headers, headersTimeout: PAGE_TIMEOUT_MS })
        .catch((cause: unknown) => {
          throw new RunnerUnavailable(cause);
        });
      // What it says of the size it is held to.
      const size = Number(about["content-length"]);
      if (statusCode === 200 && size <= MAX_PAGE_ANSWER_BYTES)
        return read(whatsappPageSchema, { status: statusCode, text: await body.text() });
      await body.dump();
      if (statusCode === 404) return null;
      throw useless(`runner answered ${statusCode}, with ${size} bytes`);
    },
    givePage: async (html) => {
      const { status } = await call("PUT", "/page", html, PAGE_TIMEOUT_MS);
      if (status >= 300 && status !== 409) throw useless(`runner answered ${status}`);
    },
    pairingCode: async (phoneNumber) => {
      const answer = await call("POST", "/pairing-code", JSON.stringify({ phoneNumber }), PAIRING_TIMEOUT_MS);
      return answer.status === 409 ? null : read(pairingResultSchema, answer);
    },
    logout: async () => {
      const answer = await call("POST", "/logout", undefined, LOGOUT_TIMEOUT_MS);
      // A runner from before an update does not say what WhatsApp said.
      if (answer.status === 204) return "unknown";
      return (await read(logoutResultSchema, answer)).unlinked;
    },

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
        throw useless(`runner answered ${response.statusCode}`);
      }
      for await (const line of lines(response.body)) yield streamLineSchema.parse(parseWellFormed(line));
      throw new RunnerUnavailable(new Error("the runner's event stream ended"));
    },

    close: () => pool.destroy(),
  };
}

const useless = (what: string, cause?: unknown) =>
  new RunnerUnavailable(new Error(what, { cause }), { answered: true });

const notConnected = () =>
  new AppError("session_not_connected", "The session has no connection to WhatsApp right now.");

async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part !== "") yield part;
  }
}
