import { once } from "node:events";
import { request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { pino } from "pino";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createBodySize } from "./body-size.ts";
import { createRouter } from "../context.ts";
import { createErrorHandler } from "../errors.ts";

const BYTES = 200_000;
let server: Server;
beforeAll(async () => {
  const app = createRouter();
  app.onError(createErrorHandler(pino({ level: "silent" })));
  app.use(createBodySize(BYTES, 1, 100));
  app.post("/", async (c) => c.json({ length: (await c.req.text()).length }));
  server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
  await once(server, "listening");
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const begin = () =>
  request({
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    method: "POST",
    headers: { "Content-Length": BYTES, Expect: "100-continue" },
  });

it("gives up a large body that comes too slowly, and the next one has its room", async () => {
  const slow = begin();
  const broken = once(slow, "error");
  slow.flushHeaders();
  await once(slow, "continue");
  slow.write("x");

  const next = begin();
  const answered = once(next, "response");
  next.end("y".repeat(BYTES));
  const [answer] = (await answered) as [IncomingMessage];
  expect(answer.statusCode).toBe(200);
  await expect(broken).resolves.toMatchObject([{ code: "ECONNRESET" }]);
});
