import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { RunnerHost } from "../runtime/index.ts";
import type { Connector } from "../fleet/index.ts";
import { createLiveSessions } from "../connection/index.ts";
import { createLogout } from "./logout.ts";
import { createSessionStore, type SessionStore } from "../sessions/index.ts";

/** What the profile says is its newest runner. */
const NEWEST = 7;

let dir: string;
let database: OpenDatabase;
let store: SessionStore;
let server: Server;
/** Numbers of the runners that were started. */
let generations: number[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "logout-"));
  database = openDatabase(dir);
  store = createSessionStore({
    db: database.db,
    clock: { now: () => 1_000 },
    appendEvent: () => undefined,
    onForget: () => undefined,
    onJournalLost: () => undefined,
  });
  store.create("a", null);
  store.transition(store.find("a")!, { status: "disconnected", reason: "stopped", desired: "stopped" });
  generations = [];
  // As a runner answers: one that is not the newest may not touch the login.
  server = createServer((_request, response) => {
    const stale = generations.at(-1)! <= NEWEST;
    response.writeHead(stale ? 421 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(stale ? { newerGeneration: NEWEST } : { unlinked: "done" }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.close();
  await once(server, "close");
  database.close();
  rmSync(dir, { recursive: true });
});

function createWith() {
  const host = {
    ensure: async ({ generation }) => void generations.push(generation),
    endpoint: async () => ({ host: "127.0.0.1", port: (server.address() as AddressInfo).port }),
  } as Partial<RunnerHost> as RunnerHost;
  return createLogout({
    store,
    host,
    live: createLiveSessions(),
    connector: {} as Connector,
    runnerToken: (runnerId) => runnerId,
    listRunners: async () => [],
    versionPins: { versionFor: () => null, giveTo: async () => undefined },
    log: pino({ level: "silent" }),
  });
}

it("where its runner is not the newest it says that nothing is known; the next call's is above that one", async () => {
  const logOut = createWith();
  const row = store.find("a")!;
  await expect(logOut(row)).rejects.toMatchObject({ code: "runner_unavailable" });
  expect(await logOut(row)).toBe("done");
  expect(generations).toEqual([1, NEWEST + 1]);
});
