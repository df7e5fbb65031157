import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  decodeSend,
  type RunnerEvent,
  type RunnerState,
  type SendRecord,
  type StreamLine,
} from "@whatsapp-engine/contract/runner";
import { FLOODS, SAYS, TO_BE_READ, UNANSWERED, type StubStatus } from "./stub.ts";

/*
 * Stands in for a runner where only the control plane is measured: speaks the runner's protocol, and says of every
 * message at once that WhatsApp took it. Its login is not complete before SIGUSR2. Nothing is kept beyond the process.
 */

const PING_MS = 5_000;
/** As the runner does: longer than the control plane keeps an idle connection. */
const KEEP_ALIVE_MS = 75_000;
const { RUNNER_ID = "", RUNNER_PROFILE_ID = "", RUNNER_TOKEN = "" } = process.env;
const startedAt = new Date().toISOString();
const sends = new Map<string, SendRecord>();
const journal: Extract<StreamLine, { line: "event" }>[] = [];
const streams = new Set<ServerResponse>();
let lastSeq = 0;
let status: StubStatus = "authenticated";

const state = (): RunnerState => ({
  runnerId: RUNNER_ID,
  profileId: RUNNER_PROFILE_ID,
  status,
  reason: null,
  detail: null,
  qr: null,
  account: { phoneNumber: "6281234567890", lid: null, pushName: null },
  whatsappVersion: null,
  libraryVersion: "stub",
  mends: [],
  failedMends: [],
  mendCounts: {},
  newerGeneration: null,
  awaitsPage: null,
  unreadLines: 0,
  unreadAt: null,
  diskTrouble: null,
  lastSeq,
  since: startedAt,
});

const text = (line: StreamLine) => `${JSON.stringify(line)}\n`;

function tell(event: RunnerEvent): void {
  const line = { line: "event" as const, seq: ++lastSeq, at: new Date().toISOString(), event };
  journal.push(line);
  for (const stream of streams) stream.write(text(line));
}

/** As much as the reader takes. */
function flood(): void {
  const much = text({ line: "ping" }).repeat(10_000);
  for (const stream of streams) {
    const pour = () => {
      while (!stream.destroyed && stream.write(much));
      if (!stream.destroyed) stream.once("drain", pour);
    };
    pour();
  }
}

function stream(response: ServerResponse, after: number): void {
  // The one who had these numbers from an earlier process of this profile takes over only what is above them.
  lastSeq = Math.max(lastSeq, after);
  response.setHeader("content-type", "application/x-ndjson");
  response.write(text({ line: "state", state: state() }));
  for (const line of journal) if (line.seq > after) response.write(text(line));
  streams.add(response);
  response.once("close", () => streams.delete(response));
}

/** null: none is to be told. */
function send(body: Buffer): SendRecord | null {
  const { messageId, to, text: words } = decodeSend(body);
  if (words?.startsWith(UNANSWERED)) return null;
  const before = sends.get(messageId);
  if (before) return before;
  const record: SendRecord = {
    messageId,
    outcome: "sent",
    whatsappId: `true_${to}@c.us_3EB0${randomBytes(9).toString("hex").toUpperCase()}`,
    ack: 1,
    timestamp: new Date().toISOString(),
    error: null,
  };
  sends.set(messageId, record);
  if (words?.startsWith(FLOODS)) flood();
  if (words?.startsWith(SAYS)) {
    const line = words.slice(SAYS.length).replace("$SEQ", () => String(++lastSeq));
    for (const stream of streams) stream.write(`${line}\n`);
  }
  if (words?.startsWith(TO_BE_READ)) {
    const { whatsappId = "" } = record;
    for (const ack of [2, 3]) tell({ type: "message_ack", whatsappId: whatsappId ?? "", messageId, ack });
  }
  return record;
}

function answer(response: ServerResponse, status: number, body?: unknown): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

function route(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  if (request.headers.authorization !== `Bearer ${RUNNER_TOKEN}`) return answer(response, 401, {});
  const url = new URL(request.url ?? "/", "http://stub");
  switch (`${request.method} ${url.pathname}`) {
    case "GET /health":
      return answer(response, 200, { page: "answering", uptimeSeconds: process.uptime() });
    case "GET /state":
      return answer(response, 200, state());
    case "GET /events":
      return stream(response, Number(url.searchParams.get("after")));
    case "POST /claim":
      return answer(response, 204);
    case "POST /logout":
      return answer(response, 200, { unlinked: "done" });
    case "POST /send": {
      const record = send(body);
      if (record) answer(response, 200, record);
      return;
    }
    case "POST /shutdown":
      answer(response, 202);
      return void setImmediate(() => process.exit(0));
  }
  const record = sends.get(url.pathname.replace(/^\/sends\//, ""));
  answer(response, record ? 200 : 404, record ?? {});
}

const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => route(request, response, Buffer.concat(chunks)));
});
setInterval(() => {
  for (const stream of streams) stream.write(text({ line: "ping" }));
}, PING_MS).unref();

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ listening: { port } });
});
process.on("SIGUSR2", () => {
  status = "connected";
  for (const stream of streams) stream.write(text({ line: "state", state: state() }));
});
process.on("SIGTERM", () => process.exit(0));
process.on("disconnect", () => process.exit(0));
