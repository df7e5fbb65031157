import { readFileSync } from "node:fs";
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import { Encrypter } from "age-encryption";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../support/api.ts";
import { restoreBackup } from "../support/backup.ts";
import { startEngine, type Engine } from "../support/engine.ts";
import { until } from "../support/until.ts";

const TO = "6281200000001";
const MB = 1024 * 1024;
/** A document of 8 MB as JSON carries it. */
const BASE64 = Buffer.alloc(8 * MB, "%PDF-1.7 ").toString("base64");

/** Many costly calls at once, as a mistake of an application makes them. */
describe("what costs much", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({
      runtime: "process",
      stubs: true,
      settings: {
        MEDIA_CONCURRENCY: "2",
        BULK_CONCURRENCY: "1",
        BACKUP_CONCURRENCY: "1",
        EVENT_STREAMS_MAX: "2",
        MEDIA_MAX_MB: "8",
        QUEUE_MAX_MESSAGES: "1000000",
      },
    });
    await engine.api("POST /sessions", { sessionId: "s" });
  });
  afterAll(() => engine?.stop());

  const text = () =>
    engine.api("POST /sessions/s/send", { to: TO, message: `other ${Math.random()}`, async: true });
  const residentMb = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${engine.pid}/status`, "utf8"))![1]) / 1024;

  /** Texts that others send until these calls have their answers: how many, the slowest, and the most memory that was taken. */
  async function beside<T>(calls: Promise<T>[]) {
    const ended = { all: false };
    const answers = Promise.all(calls).finally(() => (ended.all = true));
    const begunAt = performance.now();
    let [count, slowestMs, mostMb] = [0, 0, 0];
    while (!ended.all) {
      const startedAt = performance.now();
      expect((await text()).status).toBe(202);
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
      mostMb = Math.max(mostMb, residentMb());
      count++;
    }
    return { answers: await answers, count, slowestMs, mostMb, ms: performance.now() - begunAt };
  }

  it("of files is read some at a time: all are taken, in memory for a few, and texts go on", async () => {
    await text();
    const before = residentMb();
    /** Again where a busy machine had no turn for it in time, as its answer says. */
    const send = async (at: number, tries = 5): Promise<Answer> => {
      const media = { base64: BASE64, filename: `${at}.pdf` };
      const answer = await engine.api("POST /sessions/s/send", {
        to: TO,
        type: "document",
        async: true,
        media,
      });
      return answer.status === 503 && tries > 1 ? send(at, tries - 1) : answer;
    };
    const sends = Array.from({ length: 12 }, (_, at) => send(at));
    const { answers, mostMb, slowestMs, ms } = await beside(sends);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    // Measured: 240 to 310; without a limit 635 to 710.
    expect(mostMb - before).toBeLessThan(450);
    // Whatever else the machine does: none waits for all of them.
    expect(slowestMs).toBeLessThan(ms / 2);
  });

  it("waits for its turn no longer than is said, while small calls go on", async () => {
    const { hostname, port } = new URL(engine.url);
    const begun: ClientRequest[] = [];
    for (let at = 0; at < 2; at++) {
      const call = request({
        host: hostname,
        port,
        method: "POST",
        path: "/sessions/s/send",
        headers: {
          "X-API-Key": engine.apiKey,
          "Content-Type": "application/json",
          "Content-Length": Math.floor(10.8 * MB),
          Expect: "100-continue",
        },
      });
      call.on("error", () => undefined);
      call.flushHeaders();
      await once(call, "continue");
      call.write("{");
      begun.push(call);
    }
    const large = { to: TO, type: "document", media: { base64: BASE64 }, async: true };
    const { answers, count } = await beside([engine.api("POST /sessions/s/send", large)]);
    expect(answers[0]).toMatchObject({
      status: 503,
      headers: { "retry-after": "5" },
      body: { error: { code: "too_busy", message: expect.stringContaining("MEDIA_CONCURRENCY") as unknown } },
    });
    expect(count).toBeGreaterThan(10);
    for (const call of begun) call.destroy();
    await until("room again", async () => (await engine.api("POST /sessions/s/send", large)).status === 202, {
      timeoutMs: 60_000,
    });
  });

  it("of bulks is accepted one after the other", async () => {
    const recipients = Array.from({ length: 500 }, (_, at) => `62812${String(1_000_000 + at)}`);
    const bulks = Array.from({ length: 12 }, (_, at) =>
      engine.api("POST /sessions/s/messages/bulk", { message: `bulk ${at}`, recipients }),
    );
    const { answers, slowestMs } = await beside(bulks);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(slowestMs).toBeLessThan(1_000);
  });

  it("of streams is open no more than is set, and the next finds room when one ends", async () => {
    const open = async () => {
      const call = request(`${engine.url}/events`, {
        headers: { "X-API-Key": engine.apiKey, Accept: "text/event-stream" },
        agent: false,
      }).end();
      const [answer] = (await once(call, "response")) as [IncomingMessage];
      return { call, answer };
    };
    for (let probes = 0; probes < 3; probes++) {
      const probe = request(`${engine.url}/events`, {
        method: "HEAD",
        headers: { "X-API-Key": engine.apiKey, Accept: "text/event-stream" },
        agent: false,
      }).end();
      await once(probe, "response");
      probe.destroy();
    }
    const streams = [await open(), await open()];
    expect(streams.map(({ answer }) => answer.statusCode)).toEqual([200, 200]);
    const third = await open();
    expect(third.answer.statusCode).toBe(503);
    expect(third.answer.headers["retry-after"]).toBe("5");
    third.call.destroy();
    streams[0]!.call.destroy();
    await until("room for another stream", async () => {
      const again = await open();
      again.call.destroy();
      return again.answer.statusCode === 200;
    });
    streams[1]!.call.destroy();
  });

  it("of backups is opened one at a time, by whatever passphrase", async () => {
    const encrypter = new Encrypter();
    encrypter.setScryptWorkFactor(18);
    encrypter.setPassphrase("right");
    const file = await encrypter.encrypt(Buffer.from("no tar"));
    const restore = () => restoreBackup(engine, "t", Buffer.from(file), "wrong");
    const before = residentMb();
    const { answers, mostMb, slowestMs } = await beside(Array.from({ length: 5 }, restore));
    expect(new Set(answers.map(({ body }) => body.error?.code))).toEqual(new Set(["wrong_passphrase"]));
    expect(mostMb - before).toBeLessThan(450);
    expect(slowestMs).toBeLessThan(2_000);
  });

  it("leaves nothing of who went away before their turn", async () => {
    const { hostname, port } = new URL(engine.url);
    for (let at = 0; at < 20; at++) {
      const socket = connect(Number(port), hostname);
      await once(socket, "connect");
      socket.write(
        `POST /sessions/s/send HTTP/1.1\r\nHost: x\r\nX-API-Key: ${engine.apiKey}\r\nContent-Type: application/json\r\nContent-Length: ${10 * MB}\r\n\r\n{`,
      );
      socket.destroy();
    }
    const large = { to: TO, type: "document", media: { base64: BASE64 }, async: true };
    expect((await engine.api("POST /sessions/s/send", large)).status).toBe(202);
  });
});
