import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, expect, it, vi } from "vitest";
import { createConnector } from "./connector.ts";
import { createLiveSessions } from "../connection/index.ts";

const nothing = () => undefined;
const live = createLiveSessions();
let server: Server;
afterEach(async () => {
  await live.detach("a");
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const event = (seq: number) => ({
  line: "event",
  seq,
  at: "2026-11-30T00:00:00.000Z",
  event: { type: "message_ack", whatsappId: `w${seq}`, messageId: null, ack: 1 },
});

/** Follows a runner whose journal has three events, of which taking the second over fails as often as `failures` says. */
async function follow(failures: Error[]) {
  let cursor = 0;
  const told: string[] = [];
  const aside: unknown[] = [];
  const lines: string[] = [];
  let saidWhile: string | null = null;
  let listed = 0;
  server = createServer((request, response) => {
    const after = Number(new URL(request.url!, "http://runner").searchParams.get("after"));
    for (const seq of [1, 2, 3]) if (seq > after) response.write(`${JSON.stringify(event(seq))}\n`);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const connector = createConnector({
    store: {
      profileOf: () => ({ id: "p", cursor, createdAt: 0 }),
      takeOver({ seq }: { seq: number }, apply: () => void) {
        apply();
        cursor = seq;
      },
    } as never,
    host: { endpoint: async () => ({ host: "127.0.0.1", port }) } as never,
    live,
    observe: { state: nothing, unread: nothing } as never,
    runnerToken: () => "t",
    async listRunners() {
      listed++;
      return [{ runnerId: "r", liveness: "alive" } as never];
    },
    onEvent(_, { whatsappId }: { whatsappId?: string } & object) {
      const failure = whatsappId === "w2" ? failures.shift() : undefined;
      saidWhile ??= live.get("a")?.notTaken ?? null;
      if (failure) throw failure;
      told.push(whatsappId!);
    },
    unread: {
      keep(line) {
        aside.push(line);
        cursor = Math.max(cursor, line.seq ?? 0);
      },
    },
    onConnected: nothing,
    exchangePages: nothing,
    onFate: nothing,
    onLost: nothing,
    onFlood: nothing,
    onUnknown: nothing,
    onDatabaseError: nothing,
    clock: { now: () => 0 },
    log: pino({ level: "error" }, { write: (line) => void lines.push(JSON.parse(line).msg) }),
  });
  await connector.attach("a", "p", "r");
  await vi.waitFor(() => expect(told).toContain("w3"), { timeout: 10_000 });
  return { told, aside, saidWhile, said: live.get("a")?.notTaken, lines, listed };
}

it("passes an event over that cannot be taken over, and keeps it aside", async () => {
  const { told, aside } = await follow([new TypeError("is not iterable")]);
  expect(told).toEqual(["w1", "w3"]);
  expect(aside).toEqual([
    expect.objectContaining({ seq: 2, why: expect.stringContaining("is not iterable") }),
  ]);
});

it("has an event told again that the database could not take, and says once why", async () => {
  const full = Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" });
  expect(await follow([full, full, full])).toMatchObject({
    told: ["w1", "w2", "w3"],
    aside: [],
    saidWhile: expect.stringMatching(/^The disk of the data folder is full/),
    said: null,
    lines: ["what the runner tells cannot be stored"],
    listed: 0,
  });
});
