import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { createRunnerClient } from "./client.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function clientOf(answer: RequestListener, limits: Parameters<typeof createRunnerClient>[2] = {}) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const client = createRunnerClient({ host: "127.0.0.1", port }, "t", limits);
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

test.each(["/contacts", "/groups", "/screenshot", "/page", "/sends/m", "/numbers/1"])(
  "of an answer without an end no more is read than its longest has: %s",
  async (path) => {
    let sent = 0;
    const client = await clientOf((request, response) => {
      expect(request.url).toBe(path);
      response.writeHead(200, { "content-type": "application/json" });
      const chunk = " ".repeat(64 * 1024);
      const pour = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
        if (!response.destroyed) response.once("drain", pour);
      };
      pour();
    });
    const asked = {
      "/contacts": () => client.contacts(),
      "/groups": () => client.groups(),
      "/screenshot": () => client.screenshot(),
      "/page": () => client.servedPage(),
      "/sends/m": () => client.findSend("m"),
      "/numbers/1": () => client.checkNumber("1"),
    }[path]!;
    await expect(asked()).rejects.toMatchObject({
      code: "runner_unavailable",
      cause: { message: expect.stringContaining("more than") },
    });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  },
);

test("what is answered of another message than was asked about is no answer", async () => {
  const record = {
    messageId: "other",
    outcome: "sent",
    whatsappId: "w",
    ack: 1,
    timestamp: null,
    error: null,
  };
  const client = await clientOf((_, response) => response.end(JSON.stringify(record)));
  await expect(client.findSend("m")).rejects.toMatchObject({ code: "runner_unavailable" });
  expect(await client.findSend("other")).toEqual(record);
});

test.each<[Record<string, string>, { mimetype: string; filename: string | null }]>([
  [
    { "content-type": "text/plain; a=b", "x-filename": "a%20b.txt" },
    { mimetype: "text/plain; a=b", filename: "a b.txt" },
  ],
  [
    { "content-type": "é", "x-filename": "%" },
    { mimetype: "application/octet-stream", filename: null },
  ],
  [{ "x-filename": "%ED%A0%80" }, { mimetype: "application/octet-stream", filename: null }],
  [
    { "content-type": "a/b", "x-filename": "x".repeat(10_000) },
    { mimetype: "a/b", filename: "x".repeat(255) },
  ],
])("a file is handed on whatever its type and name are (%#)", async (headers, told) => {
  const client = await clientOf((_, response) =>
    response.writeHead(200, { ...headers, "content-length": "4" }).end("file"),
  );
  const media = await client.media("w");
  expect(media).toMatchObject({ ...told, bytes: 4 });
});

test("an answer that is of no use is given up, and nothing else with it", async () => {
  const client = await clientOf((_, response) => response.writeHead(404).end("{}"));
  expect(await client.media("w")).toBe("not_found");
  await expect(client.stream(0, new AbortController().signal).next()).rejects.toThrow("does not answer");
  await turn();
});

test("a file without a length, or of too great a one, is none", async () => {
  for (const length of [null, String(193 * 1024 * 1024)]) {
    const client = await clientOf((_, response) => {
      response.writeHead(200, length === null ? {} : { "content-length": length });
      response.write("x");
    });
    await expect(client.media("w")).rejects.toMatchObject({ code: "runner_unavailable" });
  }
});

test("an answer that comes a byte at a time has its end", async () => {
  const client = await clientOf(
    (_, response) => {
      const drip = setInterval(() => response.write(" "), 50);
      response.once("close", () => clearInterval(drip));
    },
    { bodyTimeoutMs: 500 },
  );
  await expect(client.findSend("m")).rejects.toMatchObject({ code: "runner_unavailable" });
});

test("a file that nobody reads any more has its end, and nothing else with it", async () => {
  const client = await clientOf(
    (_, response) => void response.writeHead(200, { "content-length": "4" }).end("file"),
    { mediaTimeoutMs: 50 },
  );
  const media = await client.media("w");
  const { body } = media as Exclude<typeof media, string>;
  await new Promise((resolve) => body.once("close", resolve));
  expect(body.destroyed).toBe(true);
});

test("a runner that says that an answer is on its way has given none", async () => {
  const client = await clientOf((_, response) => response.writeProcessing());
  await expect(client.findSend("m")).rejects.toMatchObject({
    code: "runner_unavailable",
    cause: { message: expect.stringContaining("no end of an answer") },
  });
});
