import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { descendantsOf } from "../test-support/processes.ts";
import { ACCOUNT, makeWorld, type World } from "../test-support/world.ts";

let world: World;
afterEach(() => world.end());

const EXPECTS = { RUNNER_EXPECTS_LOGIN: "true" };
const settled = ({ status, qr }: { status: string; qr: unknown }) =>
  status === "disconnected" || status === "connected" || qr !== null;

test("a profile that lost its login is told as such: no browser, no code", async () => {
  world = await makeWorld();
  await (await world.link(ACCOUNT)).stop();
  await rm(join(world.profileDir, "browser"), { recursive: true });
  const runner = await world.start(EXPECTS);
  const { status, reason, detail } = await runner.state(settled);
  expect({ status, reason }).toEqual({ status: "disconnected", reason: "login_lost" });
  expect(detail).toContain("/start");
  expect(runner.states.some(({ qr }) => qr !== null)).toBe(false);
  expect(descendantsOf(runner.process.pid!)).toEqual([]);
  // Nothing is left to be unlinked.
  expect(await (await runner.post("/logout")).json()).toMatchObject({ unlinked: "not_linked" });
  expect(await runner.stop()).toBe(0);
});

test("one whose login is there connects, and so does one of before there was a note of it", async () => {
  world = await makeWorld();
  await (await world.link(ACCOUNT)).stop();
  const runner = await world.start(EXPECTS);
  await runner.state(({ status }) => status === "connected");
  await runner.stop();
  await rm(join(world.profileDir, "browser/linked"));
  const next = await world.start(EXPECTS);
  expect((await next.state(settled)).status).toBe("connected");
});

test("one that was never linked shows a code", async () => {
  world = await makeWorld();
  expect((await (await world.start()).state(settled)).qr).not.toBeNull();
});
