import { request, type OutgoingHttpHeaders } from "node:http";
import type {
  Bulk,
  BulkCheck,
  ErrorCode,
  ErrorDetail,
  Message,
  Session,
  SkippedRecipient,
  UnlinkOutcome,
} from "@whatsapp-engine/contract/api";

/** Every field that some answer has. */
export type Body = Partial<Omit<Session, "status">> & {
  success?: boolean;
  status?: string;
  session?: Session;
  sessions?: Session[];
  nextCursor?: string | null;
  qr?: string | null;
  qrImage?: string | null;
  /** What the WA Blast application reads. */
  data?: Record<string, unknown>;
  expiresAt?: string;
  message?: Message;
  messages?: Message[];
  bulk?: Bulk;
  bulks?: Bulk[];
  skipped?: SkippedRecipient[];
  check?: BulkCheck;
  messageId?: string;
  whatsappId?: string | null;
  timestamp?: string | null;
  error?: { code: ErrorCode; message: string; details: ErrorDetail[]; status?: string; reason?: string };
  unlinked?: UnlinkOutcome;
  code?: string;
  warmRunners?: { ready: number; starting: number };
  requestId?: string;
};

export type Answer = {
  status: number;
  headers: Record<string, string>;
  body: Body;
  bytes: Buffer;
  text: string;
};

export type CallOptions = {
  /** null: no key at all. */
  key?: string | null;
  headers?: OutgoingHttpHeaders;
};

/** `api("POST /sessions", { … })`. The path goes out as it stands; a text or buffer too, everything else as JSON. */
export type Api = (call: string, body?: unknown, options?: CallOptions) => Promise<Answer>;

/** Calls by plain HTTP, each on a connection of its own: nothing is normalised on the way, and nothing stays open. */
export const createApi =
  (baseUrl: () => string, apiKey: string): Api =>
  (call, body, { key = apiKey, headers = {} } = {}) =>
    new Promise((resolve, reject) => {
      const [method = "GET", path = "/"] = call.split(" ");
      const { hostname, port } = new URL(baseUrl());
      const payload = body === undefined || isRaw(body) ? body : JSON.stringify(body);
      const outgoing = request(
        {
          method,
          path,
          host: hostname,
          port,
          agent: false,
          headers: {
            ...(key === null ? {} : { "X-API-Key": key }),
            ...(payload === undefined ? {} : { "Content-Type": "application/json" }),
            ...headers,
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("error", reject);
          incoming.on("end", () => {
            const bytes = Buffer.concat(chunks);
            const text = bytes.toString();
            const answerHeaders = incoming.headers as Record<string, string>;
            const isJson = answerHeaders["content-type"]?.startsWith("application/json") === true;
            resolve({
              status: incoming.statusCode ?? 0,
              headers: answerHeaders,
              body: isJson && text !== "" ? (JSON.parse(text) as Body) : {},
              bytes,
              text,
            });
          });
        },
      );
      outgoing.on("error", reject);
      outgoing.end(payload);
    });

const isRaw = (body: unknown): body is string | Buffer => typeof body === "string" || Buffer.isBuffer(body);
