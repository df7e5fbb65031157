import type { Readable } from "node:stream";
import { Pool } from "undici";
import type { z } from "zod";
import { AppError, type UnlinkOutcome } from "@whatsapp-engine/contract/api";
import {
  parseWellFormed,
  contactsSchema,
  groupsSchema,
  type ContactEntry,
  type GroupEntry,
  actionResultSchema,
  encodeSend,
  logoutResultSchema,
  MAX_PAGE_BYTES,
  numberCheckSchema,
  pairingResultSchema,
  sendRecordSchema,
  supersededSchema,
  MAX_MEDIA_BYTES,
  toldMimetypeSchema,
  whatsappPageSchema,
  type ActionResult,
  type NumberCheck,
  type PairingResult,
  type SendCommand,
  type SendRecord,
  type StreamLine,
  type WhatsAppPage,
} from "@whatsapp-engine/contract/runner";
import { drop, endAfter, filenameIn, readAll } from "./answer.ts";
import {
  createFloodGuard,
  readStream,
  streamLimits,
  type StreamLimits,
  type UnreadableLine,
} from "./stream.ts";
import { RunnerUnavailable, RunnerSuperseded, useless } from "./unavailable.ts";

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
/** Longest answers, in bytes: of most calls; of contacts and groups, of which 100,000 take some 20 MB; a picture of the page. */
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_ADDRESS_BOOK_BYTES = 32 * 1024 * 1024;
const MAX_SCREENSHOT_BYTES = 32 * 1024 * 1024;
/** In JSON a character may take six bytes. */
const MAX_PAGE_ANSWER_BYTES = 6 * MAX_PAGE_BYTES;
/** From the beginning of an answer to its end. A file goes as fast as the API's caller takes it. */
const BODY_TIMEOUT_MS = 10_000;
const MEDIA_BODY_TIMEOUT_MS = 60 * 60_000;
/** How much longer than the runner's own deadline a send's answer may take. */
const SEND_MARGIN_MS = 1_000;
/** The runner pings every 5 s; after this silence the stream counts as broken. */
const STREAM_SILENCE_MS = 15_000;

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
  /**
   * Lines from the journal after `after` and then live ones, until the stream breaks (throws) or `signal` aborts. Throws
   * `RunnerFlooded`, for which all streams of this client count together.
   */
  stream(after: number, signal: AbortSignal): AsyncGenerator<StreamLine | UnreadableLine>;
  close(): Promise<void>;
};

type Limits = { stream: StreamLimits; bodyTimeoutMs: number; mediaTimeoutMs: number };

export function createRunnerClient(
  endpoint: { host: string; port: number },
  token: string,
  {
    stream = streamLimits,
    bodyTimeoutMs = BODY_TIMEOUT_MS,
    mediaTimeoutMs = MEDIA_BODY_TIMEOUT_MS,
  }: Partial<Limits> = {},
): RunnerClient {
  const guard = createFloodGuard(stream, () => performance.now());
  // No limit of connections: a call would wait for a free one without a deadline, a logout behind many sends too.
  const pool = new Pool(`http://${endpoint.host}:${endpoint.port}`, {
    connect: { timeout: 2_000 },
    keepAliveTimeout: 60_000,
    bodyTimeout: STREAM_SILENCE_MS,
  });
  const headers = { authorization: `Bearer ${token}` };

  /** The answer's head, in time; its body is to be read, with a deadline of its own, or dropped. */
  async function ask(
    method: "GET" | "POST" | "PUT",
    path: string,
    body: string | Buffer | undefined,
    timeoutMs: number,
  ) {
    try {
      return await pool.request({
        method,
        path,
        headers,
        headersTimeout: timeoutMs,
        // A runner of ours sends none, and the time for an answer is for its end.
        onInfo: refuseInterim,
        ...(body === undefined ? {} : { body }),
      });
    } catch (cause) {
      throw new RunnerUnavailable(cause);
    }
  }

  async function call(
    method: "GET" | "POST" | "PUT",
    path: string,
    body: string | Buffer | undefined,
    timeoutMs: number,
    mostBytes = MAX_ANSWER_BYTES,
  ) {
    const answer = await ask(method, path, body, timeoutMs);
    return {
      status: answer.statusCode,
      text: (await readAll(answer, mostBytes, bodyTimeoutMs)).toString("utf8"),
    };
  }

  async function read<S extends z.ZodType>(schema: S, answer: { status: number; text: string }) {
    if (answer.status === 409) throw notConnected();
    if (answer.status === 421) throw new RunnerSuperseded(supersededSchema.parse(JSON.parse(answer.text)));
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

  const addressBook = (path: string) =>
    call("GET", path, undefined, ADDRESS_BOOK_TIMEOUT_MS, MAX_ADDRESS_BOOK_BYTES);

  /** What is told of another message than was asked about is no answer. */
  const recordOf = async (messageId: string, answer: { status: number; text: string }) => {
    const record = await read(sendRecordSchema, answer);
    if (record.messageId !== messageId) throw useless("runner answered of another message");
    return record;
  };

  return {
    claim: (sessionId, claimedAt) => command("/claim", { sessionId, claimedAt }, CALL_TIMEOUT_MS),
    send: async (send) =>
      recordOf(
        send.messageId,
        await call("POST", "/send", encodeSend(send), send.timeoutMs + SEND_MARGIN_MS),
      ),
    findSend: async (messageId) => {
      const answer = await call("GET", `/sends/${encodeURIComponent(messageId)}`, undefined, CALL_TIMEOUT_MS);
      return answer.status === 404 ? null : recordOf(messageId, answer);
    },
    checkNumber: async (digits) =>
      read(numberCheckSchema, await call("GET", `/numbers/${digits}`, undefined, NUMBER_TIMEOUT_MS)),
    contacts: async () => read(contactsSchema, await addressBook("/contacts")),
    groups: async () => read(groupsSchema, await addressBook("/groups")),
    react: (whatsappId, emoji) => act(whatsappId, "react", { emoji }),
    edit: (whatsappId, text) => act(whatsappId, "edit", { text }),
    revoke: (whatsappId) => act(whatsappId, "delete"),
    media: async (whatsappId) => {
      const path = `/messages/${encodeURIComponent(whatsappId)}/media`;
      const answer = await ask("GET", path, undefined, MEDIA_TIMEOUT_MS);
      const { statusCode, headers: about, body } = answer;
      const bytes = Number(about["content-length"]);
      if (statusCode === 200 && bytes <= MAX_MEDIA_BYTES) {
        body.once("close", endAfter(body, mediaTimeoutMs));
        return {
          body,
          bytes,
          mimetype: toldMimetypeSchema.parse(about["content-type"]) ?? "application/octet-stream",
          filename: filenameIn(about["x-filename"]),
        };
      }
      drop(body);
      if (statusCode === 200) throw useless(`runner answered with ${bytes} bytes`);
      if (statusCode === 404) return "not_found";
      if (statusCode === 410) return "gone";
      if (statusCode === 409) throw notConnected();
      throw useless(`runner answered ${statusCode}`);
    },
    screenshot: async () => {
      const answer = await ask("GET", "/screenshot", undefined, SCREENSHOT_TIMEOUT_MS);
      const png = await readAll(answer, MAX_SCREENSHOT_BYTES, bodyTimeoutMs);
      if (answer.statusCode === 200) return png;
      if (answer.statusCode === 409) return null;
      throw useless(`runner answered ${answer.statusCode}`);
    },
    servedPage: async () => {
      const answer = await call("GET", "/page", undefined, PAGE_TIMEOUT_MS, MAX_PAGE_ANSWER_BYTES);
      return answer.status === 404 ? null : read(whatsappPageSchema, answer);
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
        drop(response.body);
        throw useless(`runner answered ${response.statusCode}`);
      }
      yield* readStream(response.body, guard);
      throw new RunnerUnavailable(new Error("the runner's event stream ended"));
    },

    close: () => pool.destroy(),
  };
}

function refuseInterim({ statusCode }: { statusCode: number }): never {
  throw new Error(`runner answered ${statusCode}, which is no end of an answer`);
}

const notConnected = () =>
  new AppError("session_not_connected", "The session has no connection to WhatsApp right now.");
