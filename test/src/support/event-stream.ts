import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { createParser } from "eventsource-parser";
import type { Event } from "@whatsapp-engine/contract/api";
import type { Engine } from "./engine.ts";
import { until } from "./until.ts";

/** A reader of `GET …/events` as a stream, on a connection of its own. */
export type EventStream = {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** What came until now. */
  readonly events: Event[];
  /** Names and data of what came besides events. */
  readonly notices: { name: string; data: unknown }[];
  /** The last id that was said, also by a sign of life. */
  lastId(): string | undefined;
  /** Resolves when that many events are there. */
  count(n: number): Promise<Event[]>;
  /** Resolves when the engine ended it. */
  readonly ended: Promise<void>;
  /** Reads from now on, if it was opened `paused`. */
  resume(): void;
  close(): void;
};

export async function openEventStream(
  engine: Engine,
  path = "/events",
  { lastEventId, paused = false }: { lastEventId?: string | number; paused?: boolean } = {},
): Promise<EventStream> {
  const outgoing = request(`${engine.url}${path}`, {
    agent: false,
    headers: {
      "X-API-Key": engine.apiKey,
      Accept: "text/event-stream",
      ...(lastEventId === undefined ? {} : { "Last-Event-ID": String(lastEventId) }),
    },
  });
  outgoing.end();
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  const events: Event[] = [];
  const notices: { name: string; data: unknown }[] = [];
  let lastId: string | undefined;
  const parser = createParser({
    onEvent({ event, data, id }) {
      if (id === undefined) notices.push({ name: event ?? "", data: JSON.parse(data) as unknown });
      else events.push(JSON.parse(data) as Event);
    },
  });
  incoming.setEncoding("utf8").on("data", (chunk: string) => {
    parser.feed(chunk);
    lastId = [...chunk.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] ?? lastId;
  });
  incoming.on("error", () => undefined);
  if (paused) incoming.pause();
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    events,
    notices,
    lastId: () => lastId,
    count: (n) =>
      until(`${n} events in a stream`, () => events.length >= n && events, {
        timeoutMs: 60_000,
        seen: () => [events.length, events.at(-1)],
      }),
    ended: new Promise((resolve) => incoming.once("close", resolve)),
    resume: () => void incoming.resume(),
    close: () => void outgoing.destroy(),
  };
}
