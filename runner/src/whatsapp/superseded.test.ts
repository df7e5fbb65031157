import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { chmod, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { eventually } from "../test-support/eventually.ts";
import { descendantsOf, stillRunning } from "../test-support/processes.ts";
import { ACCOUNT, FRIEND, makeWorld, type World } from "../test-support/world.ts";

let world: World;
afterEach(() => world.end());

const runner = (generation: number) => ({
  RUNNER_ID: `runner-${generation}`,
  RUNNER_GENERATION: String(generation),
});

/** Names, sizes and times of all that is in a folder. */
const fingerprint = async (dir: string): Promise<string[]> =>
  Promise.all(
    (await readdir(dir, { recursive: true })).map(async (name) => {
      const { size, mtimeMs } = await stat(join(dir, name));
      return `${name} ${size} ${mtimeMs}`;
    }),
  );

test("a runner that is not the newest touches nothing, opens no browser, and says whose the profile is", async () => {
  world = await makeWorld();
  const newest = await world.link(ACCOUNT, runner(7));
  await newest.send({ to: FRIEND, text: "hello", messageId: "sent-before" });
  await newest.stop();
  const before = await fingerprint(world.profileDir);

  const old = await world.start(runner(6));
  const { status, reason, detail, newerGeneration } = await old.state(({ reason }) => reason !== "starting");
  expect({ status, reason, newerGeneration }).toEqual({
    status: "disconnected",
    reason: "superseded",
    newerGeneration: 7,
  });
  expect(detail).toContain("number 7");
  expect(descendantsOf(old.process.pid!)).toEqual([]);
  // It knows nothing of what was sent, and must not say that this was not.
  for (const path of ["/sends/sent-before", "/numbers/6281234567890"])
    expect((await old.get(path)).status).toBe(421);
  expect((await old.post("/logout")).status).toBe(421);
  expect((await old.get("/health")).status).toBe(503);
  expect(await old.stop()).toBe(0);
  expect(await fingerprint(world.profileDir)).toEqual(before);
  expect(await world.simulator.control.pages()).toEqual([]);
});

test("a newer runner takes the profile of one that runs: that one ends its browser at once", async () => {
  world = await makeWorld();
  const old = await world.link(ACCOUNT, runner(1));
  const browsers = descendantsOf(old.process.pid!);
  const newest = await world.start(runner(2));
  await old.state(({ reason, newerGeneration }) => reason === "superseded" && newerGeneration === 2);
  await eventually(() => stillRunning(browsers)).toEqual([]);
  expect((await old.get("/sends/any")).status).toBe(421);
  expect(await old.stop()).toBe(0);
  expect(newest.states.map(({ reason }) => reason)).not.toContain("superseded");
  expect(JSON.parse(await readFile(join(world.profileDir, "generation.json"), "utf8"))).toEqual({
    generation: 2,
    runnerId: "runner-2",
  });
});

test("a claim that the file system did not tell of is found before a message goes out", async () => {
  world = await makeWorld();
  const old = await world.link(ACCOUNT, runner(1));
  expect(await old.send({ to: FRIEND, text: "before", messageId: "before" })).toMatchObject({
    outcome: "sent",
  });
  // The same files in another folder with a newer claim: the file that is watched stays as it is.
  const moved = `${world.profileDir}-moved`;
  const draft = `${world.profileDir}-draft`;
  mkdirSync(draft);
  await chmod(draft, 0o711);
  for (const name of await readdir(world.profileDir))
    if (name !== "generation.json") symlinkSync(join(moved, name), join(draft, name));
  writeFileSync(join(draft, "generation.json"), JSON.stringify({ generation: 2, runnerId: "runner-2" }));
  renameSync(world.profileDir, moved);
  renameSync(draft, world.profileDir);
  try {
    const after = await old.send({ to: FRIEND, text: "after", messageId: "after" });
    expect(after.outcome).toBe("pending");
    expect((await world.simulator.control.sent()).map(({ body }) => body)).toEqual(["before"]);
    // A newer one that came a moment later than the check finds the key there, and asks WhatsApp about it.
    const journal = await readFile(join(moved, "journal.ndjson"), "utf8");
    expect(journal).toMatch(/"messageId":"after",.*"key":"true_/);
  } finally {
    await old.stop();
    await rm(moved, { recursive: true });
  }
});
