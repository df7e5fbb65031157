import { randomBytes } from "node:crypto";
import { request, type RequestOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startEngine, type Engine } from "../support/engine.ts";
import { startProxy, type Proxy, type ProxyKind } from "../support/proxies.ts";

/*
 * The files of docs/proxy, in the programs that they are for. Callers differ by their address: all of 127.0.0.0/8 are ours.
 */
const [ALLOWED, OTHER] = ["127.0.0.5", "127.0.0.6"];

describe.each<ProxyKind>(["nginx", "caddy"])("behind %s", (kind) => {
  let engine: Engine;
  let proxy: Proxy;
  beforeAll(async () => {
    engine = await startEngine({
      runtime: "process",
      stubs: true,
      settings: { TRUSTED_PROXIES: "127.0.0.1", ALLOWED_IPS: ALLOWED },
    });
    proxy = await startProxy(kind, new URL(engine.url));
    await body(await call("POST", "/sessions", { body: JSON.stringify({ sessionId: "s" }) }));
  });
  afterAll(async () => {
    await proxy?.close();
    await engine.stop();
  });

  type Call = { body?: string | Buffer; from?: string; headers?: Record<string, string> };
  const call = (method: string, path: string, { body: sent, from = ALLOWED, headers = {} }: Call = {}) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const options: RequestOptions = {
        host: "127.0.0.1",
        servername: "wa.example.com",
        port: proxy.port,
        ca: proxy.ca,
        method,
        path,
        localAddress: from,
        agent: false,
        headers: {
          Host: "wa.example.com",
          "X-API-Key": engine.apiKey,
          ...(sent !== undefined && {
            "Content-Type": "application/json",
            "Content-Length": Buffer.byteLength(sent),
          }),
          ...headers,
        },
      };
      request(options, resolve).once("error", reject).end(sent);
    });

  it("calls come through, by TLS, with the caller's real address, which no header of theirs changes", async () => {
    expect((await call("GET", "/sessions")).statusCode).toBe(200);
    expect((await call("GET", "/sessions", { from: OTHER })).statusCode).toBe(403);
    const headers = { "X-Forwarded-For": ALLOWED };
    expect((await call("GET", "/sessions", { from: OTHER, headers })).statusCode).toBe(403);
  });

  it("a file of 16 MB comes through, and a larger body is refused", async () => {
    const send = async (bytes: number) => {
      const base64 = randomBytes(bytes).toString("base64");
      const message = { to: "6281234567890", type: "document", media: { base64 }, async: true };
      return (await call("POST", "/sessions/s/send", { body: JSON.stringify(message) })).statusCode;
    };
    expect(await send(16 * 1024 * 1024)).toBe(202);
    expect(await send(19 * 1024 * 1024)).toBe(413);
  });

  it("an event is told at once to who reads the stream", async () => {
    const stream = await call("GET", "/events", { headers: { Accept: "text/event-stream" } });
    onTestFinished(() => void stream.destroy());
    expect(stream.headers["content-type"]).toContain("text/event-stream");
    let text = "";
    const told = new Promise<void>((resolve) =>
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (text.includes("session.created")) resolve();
      }),
    );
    await call("POST", "/sessions", { body: JSON.stringify({ sessionId: "told" }) });
    // The next heartbeat, 15 s later, would push it on.
    const late = new Promise((resolve) => setTimeout(resolve, 5_000, "late").unref());
    expect(await Promise.race([told, late])).toBeUndefined();
  });

  it("a backup of more than a file's size reaches the engine", async () => {
    const form = new FormData();
    form.append("passphrase", "a long enough passphrase");
    form.append("file", new Blob([Buffer.alloc(40 * 1024 * 1024)]));
    const whole = new Request("http://localhost/", { method: "POST", body: form });
    const sent = Buffer.from(await whole.arrayBuffer());
    const headers = { "Content-Type": whole.headers.get("Content-Type") ?? "" };
    const answer = await call("POST", "/sessions/new/restore", { body: sent, headers });
    expect(await body(answer)).toContain("invalid_backup");
  });
});

async function body(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of answer) text += String(chunk);
  return text;
}
