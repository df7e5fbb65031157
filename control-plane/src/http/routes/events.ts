import { once } from "node:events";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { createRoute, z } from "@hono/zod-openapi";
import type { Context, TypedResponse } from "hono";
import {
  AppError,
  MISSED_EVENTS,
  eventPageSchema,
  listEventsQuerySchema,
  sessionIdSchema,
  type Event,
  type ListEventsQuery,
} from "@whatsapp-engine/contract/api";
import type { EventFeed, EventFilter } from "../../events/index.ts";
import type { Log } from "../../lib/logger.ts";
import { createRouter, type AppEnv } from "../context.ts";
import { errorResponses } from "../errors.ts";

/** A stream in which nothing comes shows this often that it lives; proxies close after 30 s or more. */
const HEARTBEAT_MS = 15_000;
const EVENT_STREAM = "text/event-stream";
const streamHeaders = {
  "Content-Type": EVENT_STREAM,
  "Cache-Control": "no-cache",
  "X-Accel-Buffering": "no",
  // Its connection ends with it, as the engine's own end waits for it.
  Connection: "close",
};
/** When a reader may find room that found none. */
const RETRY_SECONDS = 5;

const responses = {
  200: {
    description: "a page, or with `Accept: text/event-stream` a stream that goes on",
    content: {
      "application/json": { schema: eventPageSchema },
      [EVENT_STREAM]: { schema: z.string() },
    },
  },
};

const all = createRoute({
  method: "get",
  path: "/events",
  summary: "What happened in all sessions, page by page or as a stream",
  request: { query: listEventsQuerySchema },
  responses: { ...responses, ...errorResponses("invalid_request", "too_busy", "shutting_down") },
});

const ofSession = createRoute({
  method: "get",
  path: "/sessions/{sessionId}/events",
  summary: "What happened in one session, deleted ones included",
  request: { params: z.object({ sessionId: sessionIdSchema }), query: listEventsQuerySchema },
  responses: {
    ...responses,
    ...errorResponses(
      "invalid_request",
      "invalid_session_id",
      "session_not_found",
      "too_busy",
      "shutting_down",
    ),
  },
});

/** Readers of one event have the same text of it. */
const frames = new WeakMap<Event, string>();
function frameOf(event: Event): string {
  const found =
    frames.get(event) ?? `event: ${event.type}\ndata: ${JSON.stringify(event)}\nid: ${event.id}\n\n`;
  frames.set(event, found);
  return found;
}

/** Many short events go out together; a reader who takes nothing has no more than one piece in memory. */
function* inPieces(events: readonly Event[]): Generator<string> {
  let piece = "";
  for (const event of events) {
    piece += frameOf(event);
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}
const PIECE_LENGTH = 16_384;

export function eventRoutes({
  feed,
  settings: { eventStreams: most },
  log,
}: {
  feed: EventFeed;
  settings: { eventStreams: number };
  log: Log;
}) {
  let readers = 0;

  async function page(filter: EventFilter, { after, limit }: ListEventsQuery) {
    return { success: true as const, ...(await feed.page(filter, { after, limit })) };
  }

  function stream(c: Context<AppEnv>, filter: EventFilter, query: ListEventsQuery) {
    if (feed.stopping.aborted) throw new AppError("shutting_down", "The engine is shutting down.");
    if (readers >= most)
      throw new AppError("too_busy", `${readers} streams of events are open already (EVENT_STREAMS_MAX).`, {
        retryAfterSeconds: RETRY_SECONDS,
      });
    const { from, missed } = feed.begin(filter, lastEventId(c) ?? query.after);
    readers += 1;
    const ended = new AbortController();
    const { outgoing } = c.env;
    outgoing.on("close", () => ended.abort());
    // Of a reader who takes nothing the engine cannot take leave politely.
    const stop = () => (outgoing.writableNeedDrain ? outgoing.destroy() : ended.abort());
    feed.stopping.addEventListener("abort", stop);

    // To the connection itself: a web stream in between costs several times as much as all else that an event takes for a reader.
    for (const [name, value] of c.body(null, 200, streamHeaders).headers) outgoing.setHeader(name, value);
    outgoing.writeHead(200);
    const write = async (text: string) => {
      if (outgoing.write(text) || ended.signal.aborted) return;
      await once(outgoing, "drain", { signal: ended.signal });
    };
    // An id without data moves a reader's Last-Event-ID on and is no event: who breaks off before the first event, or
    // is told of few, comes back to the right point.
    const sign = (position: number) => write(`: heartbeat\nid: ${position}\n\n`);

    async function tell(): Promise<void> {
      if (missed) {
        const data = {
          after: lastEventId(c) ?? query.after,
          message: "Events in between are no longer kept.",
        };
        await write(`event: ${MISSED_EVENTS}\ndata: ${JSON.stringify(data)}\n\n`);
      }
      await sign(from);
      const batches = feed.follow(filter, from, { idleMs: HEARTBEAT_MS, signal: ended.signal });
      for await (const { events, position } of batches) {
        if (ended.signal.aborted) return;
        if (events.length === 0) await sign(position);
        for (const text of inPieces(events)) {
          if (ended.signal.aborted) return;
          await write(text);
        }
      }
    }
    tell()
      .catch((err: unknown) => {
        if (!ended.signal.aborted)
          log.error({ requestId: c.get("requestId"), err }, "a stream of events broke off");
      })
      .finally(() => {
        feed.stopping.removeEventListener("abort", stop);
        readers -= 1;
        outgoing.end();
      });
    return RESPONSE_ALREADY_SENT as Response & TypedResponse<string, 200, "text">;
  }

  return createRouter()
    .openapi(all, async (c) => {
      const query = c.req.valid("query");
      const filter = { types: query.types };
      return wantsStream(c) ? stream(c, filter, query) : c.json(await page(filter, query), 200);
    })
    .openapi(ofSession, async (c) => {
      const query = c.req.valid("query");
      const filter = { sessionId: c.req.valid("param").sessionId, types: query.types };
      return wantsStream(c) ? stream(c, filter, query) : c.json(await page(filter, query), 200);
    });
}

/** `HEAD` gets the same route, and nobody would ever read its stream. */
const wantsStream = (c: Context) =>
  c.req.raw.method === "GET" && c.req.header("Accept")?.includes(EVENT_STREAM) === true;

/** What an EventSource says when it comes back. It has the last word over `after`, which stays in the address. */
function lastEventId(c: Context): number | undefined {
  const text = c.req.header("Last-Event-ID");
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new AppError("invalid_request", "The header Last-Event-ID is not valid.", {
    details: [{ field: "Last-Event-ID", message: "must be the id of an event" }],
  });
}
