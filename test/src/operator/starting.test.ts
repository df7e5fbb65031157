import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterEach, expect, it } from "vitest";
import { createApi } from "../support/api.ts";
import { freePort } from "../support/free-port.ts";
import { startEngine, type Engine } from "../support/engine.ts";
import { until } from "../support/until.ts";

const MAX_WAITING = 100;
/** Of a database that is prepared beside all else. */
const LARGE_BYTES = 40 * 1024 * 1024;

let engine: Engine;
afterEach(() => engine?.stop());

it("calls that come while the engine starts wait for it; its health does not, nor does a wrong key", async () => {
  engine = await startEngine({ runtime: "process", stubs: true });
  await engine.api("POST /sessions", { sessionId: "s" });
  await engine.kill("SIGTERM");
  const database = new Sqlite(join(engine.dataDir, "engine.sqlite"));
  database.exec("create table ballast (bytes blob)");
  database.prepare("insert into ballast values (zeroblob(?))").run(LARGE_BYTES);
  database.pragma("wal_checkpoint(truncate)");
  // Whoever wants to change the schema waits for this.
  database.exec("begin immediate");

  const port = await freePort();
  const api = createApi(() => `http://127.0.0.1:${port}`, engine.apiKey);
  const restarted = engine.restart({ PORT: String(port) });
  const health = await until("the port to be there", () => api("GET /health").catch(() => undefined));
  expect(health).toMatchObject({ status: 200, body: { status: "starting" } });
  expect((await api("GET /ping", undefined, { key: null })).status).toBe(200);
  expect((await api("GET /sessions", undefined, { key: "wrong" })).status).toBe(401);
  const ready = await api("GET /health/ready");
  expect([ready.status, ready.headers["retry-after"]]).toEqual([503, "1"]);

  let answered = 0;
  const calls = Array.from({ length: MAX_WAITING + 5 }, async (_, n) => {
    const answer = await (n === 0 ? api("POST /sessions", { sessionId: "new" }) : api("GET /sessions/s"));
    answered += 1;
    return answer;
  });
  await until("those that are too many to be told so", () => answered === 5);
  database.exec("drop table ballast; commit");
  database.close();
  await restarted;
  const statuses = (await Promise.all(calls)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 503)).toHaveLength(5);
  expect(statuses.filter((status) => status === 200 || status === 201)).toHaveLength(MAX_WAITING);
  expect((await api("GET /health")).body.status).toBe("ok");
});
