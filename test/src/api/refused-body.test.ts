import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEngine, type Engine } from "../support/engine.ts";
import { until } from "../support/until.ts";

const PIECE = Buffer.alloc(64 * 1024, "x");
const PIECES = 512;
const BYTES = PIECE.length * PIECES;

/** A caller who reads nothing before the whole body is written, as plain HTTP clients do. */
async function writeThenRead(url: string, head: Record<string, string>): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const headers = { Host: hostname, Connection: "close", "Content-Type": "application/json", ...head };
  socket.write("POST /sessions/s/send HTTP/1.1\r\n");
  for (const [name, value] of Object.entries(headers)) socket.write(`${name}: ${value}\r\n`);
  socket.write("\r\n");
  const chunked = "Transfer-Encoding" in head;
  for (let piece = 0; piece < PIECES; piece += 1) {
    if (chunked) socket.write(`${PIECE.length.toString(16)}\r\n`);
    if (!socket.write(PIECE)) await once(socket, "drain");
    if (chunked) socket.write("\r\n");
  }
  if (chunked) socket.write("0\r\n\r\n");
  return text(socket);
}

describe("a body of 32 MiB that is refused", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({
      runtime: "process",
      settings: { MEDIA_MAX_MB: "1", LOG_LEVEL: "debug" },
    });
  });
  afterAll(() => engine.stop());

  const length = { "Content-Length": `${BYTES}` };
  it.each([
    ["for its length", length, 413, "body_too_large"],
    ["once it is counted", { "Transfer-Encoding": "chunked" }, 413, "body_too_large"],
    ["for the key", { ...length, "X-API-Key": "wrong" }, 401, "unauthorized"],
    ["for its type", { ...length, "Content-Type": "text/plain" }, 415, "unsupported_media_type"],
  ])("%s is answered to who is still writing it", async (_, head, status, code) => {
    const answer = await writeThenRead(engine.url, { "X-API-Key": engine.apiKey, ...head });
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain(`"code":"${code}"`);
  });

  it("whose caller leaves in the middle of it is no error of the engine's", async () => {
    const { hostname, port } = new URL(engine.url);
    const socket = connect(Number(port), hostname);
    const head = ["POST /sessions/s/send HTTP/1.1", `Host: ${hostname}`, `X-API-Key: ${engine.apiKey}`];
    socket.write(
      `${[...head, "Content-Type: application/json", "Content-Length: 1000"].join("\r\n")}\r\n\r\n{`,
    );
    await once(socket, "connect");
    // Written before it ends: both come, in this order.
    socket.end();
    const line = await until("the engine to notice", () =>
      engine
        .output()
        .split("\n")
        .find((one) => one.includes('"request failed"')),
    );
    expect(JSON.parse(line)).toMatchObject({ level: "debug", err: { message: "aborted" } });
  });
});
