import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMediaStore, type MediaStore } from "./media-store.ts";

const DAY_MS = 24 * 60 * 60_000;
const bytes = Buffer.from("bytes");
const name = createHash("sha256").update(bytes).digest("hex");

let dir: string;
let folder: string;
let now: number;
let store: MediaStore;
/** As a start of the engine does: with nothing in memory. */
const open = () => createMediaStore({ dataDir: dir, clock: { now: () => now } });
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "media-store-"));
  folder = join(dir, "media");
  now = Date.now(); // files have their times from the system
  store = open();
});
afterEach(() => rmSync(dir, { recursive: true }));

const nobody = () => false;

describe("media store", () => {
  it("has on the disk what was put, and nothing besides", async () => {
    await store.put(name, bytes);
    await store.put(name, bytes);
    expect(readdirSync(folder)).toEqual([name]);
    expect(await open().read(name)).toEqual(bytes);
    expect(await store.read("0".repeat(64))).toBeNull();
  });

  it("keeps what is needed, and what was put not long ago, also for the second time", async () => {
    await store.put(name, bytes);
    expect(await store.removeOld(now + DAY_MS, (sha256) => sha256 === name)).toBe(0);
    expect(await store.removeOld(now - DAY_MS, nobody)).toBe(0);
    now += 3 * DAY_MS;
    await store.put(name, bytes);
    expect(await store.removeOld(now - DAY_MS, nobody)).toBe(0);
    expect(await open().read(name)).toEqual(bytes);
  });

  it("has what is put again while it is removed", async () => {
    await store.put(name, bytes);
    now += 2 * DAY_MS;
    let again: Promise<void> | undefined;
    await store.removeOld(now - DAY_MS, () => {
      again = store.put(name, bytes);
      return false;
    });
    await again;
    expect(await open().read(name)).toEqual(bytes);
  });

  it("removes what was begun long ago and never ended, and counts it apart", async () => {
    await store.put(name, bytes);
    writeFileSync(join(folder, "old.part"), "by");
    expect(await store.removeOld(now + DAY_MS, nobody)).toBe(1);
    expect(await store.removeDrafts(now - DAY_MS)).toBe(0);
    expect(await store.removeDrafts(now + DAY_MS)).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("forgets what it removes", async () => {
    await store.put(name, bytes);
    expect(await store.removeOld(now + DAY_MS, nobody)).toBe(1);
    expect(await store.read(name)).toBeNull();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("serves nothing that it could not keep", async () => {
    rmSync(folder, { recursive: true });
    await expect(store.put(name, bytes)).rejects.toThrow("ENOENT");
    expect(await store.read(name)).toBeNull();
  });
});
