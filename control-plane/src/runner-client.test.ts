import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { createRunnerClient } from "./runner-client.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function clientOf(answer: RequestListener) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const client = createRunnerClient({ host: "127.0.0.1", port: (server.address() as AddressInfo).port }, "t");
  closing.push(
    () => client.close(),
    () => new Promise((resolve) => server.close(resolve)),
  );
  return client;
}

test.each([
  [404, "{}", null],
  [500, "{}", "runner answered 500"],
  [200, "x".repeat(100), "no JSON"],
])("a page that the runner does not hand out is no reason to fall over: %i", async (status, body, error) => {
  const client = await clientOf((_, response) => response.writeHead(status).end(body));
  for (let n = 0; n < 5; n++) {
    if (error === null) expect(await client.servedPage()).toBeNull();
    else await expect(client.servedPage()).rejects.toThrow();
  }
  await turn(); // what would be thrown outside of any call fails the suite
});

test("a page that is said to be too large is not read", async () => {
  const client = await clientOf((_, response) => {
    response.writeHead(200, { "content-length": String(1024 * 1024 * 1024) });
    response.write("x".repeat(100_000));
  });
  await expect(client.servedPage()).rejects.toMatchObject({
    cause: { message: expect.stringContaining("bytes") },
  });
});
