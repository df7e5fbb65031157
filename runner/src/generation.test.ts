import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { claimProfile, confirmClaim, watchProfile } from "./generation.ts";
import { createLogger } from "./logger.ts";
import { makeProfileDir } from "./test-support/run-runner.ts";

const log = createLogger({ level: "silent", runnerId: "r" });
const one = (generation: number, runnerId = `r${generation}`) => ({ generation, runnerId });

let dir: string;
const cleanUp: (() => unknown)[] = [];
beforeEach(async () => {
  const profile = await makeProfileDir();
  dir = profile.dir;
  cleanUp.push(profile.remove);
});
afterEach(async () => {
  for (const task of cleanUp.splice(0).toReversed()) await task();
});

const inFile = async (): Promise<unknown> => JSON.parse(await readFile(join(dir, "generation.json"), "utf8"));
const watching = (mine: ReturnType<typeof one>, everyMs = 60_000) => {
  const onNewer = vi.fn();
  cleanUp.push(watchProfile({ dir, mine, onNewer, log, everyMs }));
  return onNewer;
};

test("the first claims an empty profile, each newer one after it, and each may come again", async () => {
  expect(await claimProfile(dir, one(1))).toBeNull();
  expect(await claimProfile(dir, one(1))).toBeNull();
  expect(await claimProfile(dir, one(4))).toBeNull();
  expect(await inFile()).toEqual(one(4));
  expect(await readdir(dir)).toEqual(["generation.json"]);
});

test("an older one, and another of the same number, are refused and change nothing", async () => {
  await claimProfile(dir, one(4));
  expect(await claimProfile(dir, one(3))).toBe(4);
  expect(await claimProfile(dir, one(4, "another"))).toBe(4);
  expect(await inFile()).toEqual(one(4));
});

test("a runner hears of a newer one at once, and only once", async () => {
  await claimProfile(dir, one(1));
  const onNewer = watching(one(1));
  await confirmClaim(dir, one(1));
  await claimProfile(dir, one(2));
  await vi.waitFor(() => expect(onNewer.mock.calls).toEqual([[2]]));
  await claimProfile(dir, one(3));
  await expect(confirmClaim(dir, one(1))).rejects.toThrow("newer runner");
  expect(onNewer.mock.calls).toEqual([[2]]);
});

test("where no change is told, it is seen by looking", async () => {
  const onNewer = watching(one(1), 5); // there is no file yet that could be watched
  await claimProfile(dir, one(2));
  await vi.waitFor(() => expect(onNewer.mock.calls).toEqual([[2]]));
});

test("two claim at once, and the older one writes last: the newer one has its number put back", async () => {
  await claimProfile(dir, one(2));
  const onNewer = watching(one(2));
  await writeFile(join(dir, "generation.json"), JSON.stringify(one(1)));
  await vi.waitFor(async () => expect(await inFile()).toEqual(one(2)));
  expect(onNewer).not.toHaveBeenCalled();
});

test("a profile that is removed ends nothing; a file that says nothing is named", async () => {
  await claimProfile(dir, one(1));
  const onNewer = watching(one(1), 5);
  await rm(dir, { recursive: true });
  await confirmClaim(dir, one(1));
  expect(onNewer).not.toHaveBeenCalled();
  await claimProfile(dir, one(1)); // makes its folder
  await writeFile(join(dir, "generation.json"), "{}");
  await expect(claimProfile(dir, one(2))).rejects.toThrow(/generation\.json cannot be read/);
});
