import { copyFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { mountSmallDisk } from "@whatsapp-engine/simulator/small-disk";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { openDatabase, type OpenDatabase } from "./index.ts";
import { createDatabaseCheck, databaseTroubleOf } from "./trouble.ts";

let dataDir: string;
let open: OpenDatabase;
let now = 0;
const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0).toReversed()) step();
});

function start(dir = mkdtempSync(join(tmpdir(), "trouble-"))) {
  dataDir = dir;
  undo.push(() => rmSync(dataDir, { recursive: true, force: true }));
  open = openDatabase(dataDir);
  undo.push(() => open.close());
  open.db.run("create table t (x)");
  return createDatabaseCheck({ db: open.db, dataDir, now: () => now });
}
const file = () => join(dataDir, "engine.sqlite");

it("finds nothing wrong with a database that is as it should be, and changes nothing in it", async () => {
  const check = start();
  open.db.run("pragma user_version = 7");
  expect(await check.look()).toBeNull();
  expect(open.db.$client.pragma("user_version", { simple: true })).toBe(7);
  expect(open.db.$client.pragma("busy_timeout", { simple: true })).toBe(5_000);
});

describe("a file that is not the one it has open", () => {
  const cases: [string, () => void][] = [
    ["removed", () => rmSync(file())],
    ["moved away", () => renameSync(file(), `${file()}.old`)],
    [
      "replaced by a copy",
      () => {
        copyFileSync(file(), `${file()}.copy`);
        renameSync(`${file()}.copy`, file());
      },
    ],
    ["without its write-ahead log", () => rmSync(`${file()}-wal`)],
  ];
  it.each(cases)("%s", async (_, change) => {
    const check = start();
    change();
    expect(await check.look()).toMatch(/was removed or replaced while the engine runs/);
  });

  it("put back where it was is well again", async () => {
    const check = start();
    renameSync(file(), `${file()}.old`);
    expect(await check.look()).not.toBeNull();
    renameSync(`${file()}.old`, file());
    expect(await check.look()).toBeNull();
  });
});

describe("a file that is no database any more", () => {
  const cases: [string, () => void][] = [
    ["overwritten", () => writeFileSync(file(), "x".repeat(8_192))],
    ["emptied", () => truncateSync(file(), 0)],
  ];
  it.each(cases)("%s", async (_, change) => {
    const check = start();
    change();
    expect(await check.look()).toMatch(/^The database is damaged/);
  });

  it("as some work found out: until the engine is started anew", async () => {
    const check = start();
    check.note(new Error("of something else"));
    check.note(Object.assign(new Error("disk image is malformed"), { code: "SQLITE_CORRUPT_INDEX" }));
    expect(await check.look()).toMatch(/^The database is damaged/);
  });
});

it("waits for nobody's lock, and tells of one that lasts", async () => {
  const check = start();
  const other = new Sqlite(file());
  undo.push(() => other.close());
  other.exec("begin immediate");
  const begun = performance.now();
  expect(await check.look()).toBeNull();
  expect(performance.now() - begun).toBeLessThan(1_000);
  now += 5_000;
  expect(await check.look()).toMatch(/^Another program holds the database/);
  other.exec("rollback");
  expect(await check.look()).toBeNull();
  other.exec("begin immediate");
  expect(await check.look()).toBeNull();
});

describe("a disk", () => {
  const disk = mountSmallDisk(64);
  afterAll(() => disk.remove());
  const onDisk = it.skipIf(disk.why !== null);

  onDisk("that is full, and has room again", async () => {
    const check = start(join(disk.path, "data"));
    disk.fill();
    expect(await check.look()).toMatch(/^The disk of the data folder .* is full \(0 MB/);
    disk.free();
    expect(await check.look()).toBeNull();
  });

  onDisk("whose database takes small writes still, but not much more", async () => {
    const check = start(join(disk.path, "data"));
    writeFileSync(join(disk.path, "most"), Buffer.alloc(40 * 1024 * 1024));
    undo.push(() => rmSync(join(disk.path, "most")));
    expect(await check.look()).toMatch(/is full \(\d+ MB/);
  });
});

describe("what an error is to people", () => {
  const cases: [string, string][] = [
    ["SQLITE_FULL", "full"],
    ["ENOSPC", "full"],
    ["EDQUOT", "full"],
    ["EROFS", "read-only"],
    ["SQLITE_READONLY_DBMOVED", "read-only"],
    ["EIO", "fails"],
    ["SQLITE_IOERR_FSYNC", "fails"],
    ["SQLITE_NOTADB", "damaged"],
    ["SQLITE_BUSY_SNAPSHOT", "Another program"],
    ["SQLITE_CANTOPEN", "try again"],
  ];
  it.each(cases)("%s is told as: %s", (code, says) => {
    expect(databaseTroubleOf(Object.assign(new Error("x"), { code }))).toContain(says);
  });
  it("anything else is no trouble of the database", () => {
    for (const error of [null, new Error("x"), { code: "ENOENT" }, { code: 5 }])
      expect(databaseTroubleOf(error)).toBeNull();
  });
});
