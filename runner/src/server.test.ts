import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { StreamLine } from "@whatsapp-engine/contract/runner";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./test-support/eventually.ts";
import type { RunnerUnderTest } from "./test-support/run-runner.ts";
import { FRIEND, makeWorld, type World } from "./test-support/world.ts";

let world: World;
let runner: RunnerUnderTest;
beforeAll(async () => {
  world = await makeWorld();
  runner = await world.link();
});
afterAll(() => world.end());

const url = (path: string) => `http://127.0.0.1:${runner.port}${path}`;

test.each(["/health", "/state", "/events", "/nothing"])("%s wants the token", async (path) => {
  expect((await fetch(url(path))).status).toBe(401);
  expect((await fetch(url(path), { headers: { authorization: "Bearer wrong" } })).status).toBe(401);
});

test("bad input is 400, what is unknown 404", async () => {
  expect((await runner.post("/send", { messageId: "x" })).status).toBe(400);
  expect((await runner.post("/claim", "text")).status).toBe(400);
  expect((await runner.get("/numbers/+62")).status).toBe(400);
  expect((await runner.get("/events?after=x")).status).toBe(400);
  expect((await runner.get("/sends/never")).status).toBe(404);
  expect((await runner.get("/nothing")).status).toBe(404);
});

test("the claim is written into the profile", async () => {
  const claim = { sessionId: "session-123", claimedAt: new Date().toISOString() };
  expect((await runner.post("/claim", claim)).status).toBe(204);
  expect(JSON.parse(await readFile(join(world.profileDir, "claim.json"), "utf8"))).toEqual(claim);
});

test("the stream goes on where a reader left off", async () => {
  const sendAndDeliver = async (text: string) => {
    const { whatsappId } = await runner.send({ to: FRIEND, text });
    await world.simulator.control.ack("6281111111111", whatsappId!, 2);
  };
  await sendAndDeliver("one");
  const acks = () => runner.lines.filter((line) => line.line === "event");
  await eventually(acks).toHaveLength(1);
  const { seq } = acks()[0]! as Extract<StreamLine, { line: "event" }>;
  await sendAndDeliver("two");
  await eventually(acks).toHaveLength(2);

  const response = await runner.get(`/events?after=${seq}`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  await reader.cancel();
  const lines = value!
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as StreamLine);
  expect(lines).toEqual([expect.objectContaining({ line: "state" }), acks()[1]]);
});

test("the log says nothing that is private", async () => {
  const quiet = await makeWorld();
  try {
    const loud = await quiet.link(undefined, { RUNNER_LOG_LEVEL: "trace" });
    await loud.send({ to: FRIEND, text: "a secret body" });
    await loud.stop();
    const log = loud.output();
    expect(log).toContain("send settled");
    for (const secret of [
      FRIEND,
      "6281111111111",
      "a secret body",
      loud.states.find(({ qr }) => qr)!.qr!.code,
    ]) {
      expect(log).not.toContain(secret);
    }
  } finally {
    await quiet.end();
  }
});

test("POST /shutdown ends it in order", async () => {
  const exited = new Promise((resolve) => runner.process.once("exit", resolve));
  expect((await runner.post("/shutdown")).status).toBe(202);
  expect(await exited).toBe(0);
});
