import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createProfile } from "./profile.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "profile-"));
});
afterEach(() => rm(dir, { recursive: true }));

test("clears what a killed browser left behind, and nothing else", async () => {
  const profile = createProfile(dir);
  await profile.prepare();
  const login = join(profile.userDataDir, "Default", "IndexedDB");
  await mkdir(login, { recursive: true });
  await mkdir(join(profile.userDataDir, "Default", "blob_storage"));
  for (const name of ["SingletonLock", "SingletonSocket", "SingletonCookie"]) {
    await symlink("old-host-1", join(profile.userDataDir, name));
  }
  await profile.clearLocks();
  expect(await readdir(profile.userDataDir)).toEqual(["Default"]);
  expect(await readdir(join(profile.userDataDir, "Default"))).toEqual(["IndexedDB"]);
});

test("a login that was deleted half is not started again", async () => {
  const profile = createProfile(dir);
  await mkdir(join(dir, "browser.deleted", "session"), { recursive: true });
  await profile.prepare();
  expect(await readdir(dir)).toEqual(["browser", "outgoing"]);
  await profile.markLinked("2026-01-01T00:00:00.000Z");
  expect(await profile.linkedAt()).toBe("2026-01-01T00:00:00.000Z");
  await profile.deleteLogin();
  await profile.deleteLogin();
  expect(await readdir(dir)).toEqual(["outgoing"]);
  expect(await profile.linkedAt()).toBeNull();
});

test("a file on its way to the page is there while it is used, and never longer", async () => {
  const profile = createProfile(dir);
  await profile.prepare();
  const outgoing = join(dir, "outgoing");
  const used = await profile.withFile(Buffer.from("a file"), async (path) => {
    expect(await readdir(outgoing)).toHaveLength(1);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    return readFile(path, "utf8");
  });
  expect(used).toBe("a file");
  const failed = profile.withFile(Buffer.from("another"), () => Promise.reject(new Error("no page")));
  await expect(failed).rejects.toThrow("no page");
  expect(await readdir(outgoing)).toEqual([]);
  await writeFile(join(outgoing, "left-by-a-runner-that-was-killed"), "bytes");
  await profile.prepare();
  expect(await readdir(outgoing)).toEqual([]);
});

test("waits until the login is written, but not for ever", async () => {
  const profile = createProfile(dir);
  const store = join(profile.userDataDir, "Default", "Local Storage");
  await mkdir(store, { recursive: true });
  const writing = new AbortController();
  const write = async () => {
    for (let size = 1; !writing.signal.aborted; size += 1) {
      await writeFile(join(store, "000003.log"), "x".repeat(size));
      await delay(50);
    }
  };
  const written = write();
  const started = Date.now();
  await profile.settled(1_500);
  expect(Date.now() - started).toBeGreaterThanOrEqual(1_500);
  writing.abort();
  await written;
  await profile.settled(60_000);
  expect(Date.now() - started).toBeLessThan(50_000);
});

test("the claim is whole or not there", async () => {
  const profile = createProfile(dir);
  await profile.writeClaim({ sessionId: "a", claimedAt: "2026-01-01T00:00:00.000Z" });
  await profile.writeClaim({ sessionId: "b", claimedAt: "2026-01-01T00:00:00.000Z" });
  expect(JSON.parse(await readFile(join(dir, "claim.json"), "utf8"))).toMatchObject({ sessionId: "b" });
  expect((await stat(join(dir, "claim.json"))).mode & 0o777).toBe(0o600);
});
