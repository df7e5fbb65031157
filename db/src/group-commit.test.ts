import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createGroupCommit, type GroupCommit } from "./group-commit.ts";
import type { OpenDatabase } from "./open.ts";
import { openDatabase } from "./prepare.ts";
import { events } from "./schema/index.ts";

let dir: string;
let database: OpenDatabase;
let commit: GroupCommit;
/** Milliseconds. Only `slow` takes time, however busy the machine is. */
let passed = 0;
const now = () => passed;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "group-"));
  database = openDatabase(dir);
  commit = createGroupCommit(database.db, { now });
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

const write = (seq: number) => () =>
  database.db
    .insert(events)
    .values({ sessionId: "a", seq, type: "session.status", data: {}, at: seq })
    .returning()
    .get().seq;
/** Takes a turn of its own. */
const slow =
  <T>(work: () => T) =>
  () => {
    passed += 11;
    return work();
  };
const stored = () =>
  database.db
    .select()
    .from(events)
    .all()
    .map(({ seq }) => seq);

/** A write that passes, and makes its commit fail: a deferred key is looked at only then. */
function prepareOrphan(): () => void {
  const { $client } = database.db;
  $client.exec("create table parent (id primary key)");
  $client.exec("create table child (id references parent (id) deferrable initially deferred)");
  return () => void $client.exec("insert into child values (1)");
}

describe("group commit", () => {
  it("commits what is asked for together at once, and gives each its own answer", async () => {
    const all = [1, 2, 3].map((seq) => commit(write(seq)));
    expect(stored()).toEqual([]);
    expect(await Promise.all(all)).toEqual([1, 2, 3]);
    expect(stored()).toEqual([1, 2, 3]);
  });

  it("lets others come in between where it would take long", async () => {
    const all = [1, 2, 3].map((seq) => commit(slow(write(seq))));
    await all[0];
    expect(stored()).toEqual([1]);
    expect(await Promise.all(all)).toEqual([1, 2, 3]);
    expect(stored()).toEqual([1, 2, 3]);
  });

  it("waits for the disk unless told not to", async () => {
    const synchronous = () => database.db.$client.pragma("synchronous", { simple: true });
    const relaxed = createGroupCommit(database.db, { sync: false, now });
    expect(await Promise.all([commit(synchronous), relaxed(synchronous)])).toEqual([2, 1]);
    expect(synchronous()).toBe(2);
  });

  it("undoes a write that fails, and only that", async () => {
    const half = () => {
      write(3)();
      throw new Error("no");
    };
    const all = [commit(write(1)), commit(write(1)), commit(half), commit(write(2))];
    const outcomes = await Promise.allSettled(all);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect(stored()).toEqual([1, 2]);
  });

  it("says so to everyone whose write goes with a commit that fails, and writes the next", async () => {
    const orphan = prepareOrphan();
    const outcomes = await Promise.allSettled([commit(write(1)), commit(orphan), commit(write(2))]);
    expect(outcomes.map((outcome) => outcome.status === "rejected" && String(outcome.reason))).toEqual(
      Array.from({ length: 3 }, () => expect.stringContaining("FOREIGN KEY") as string),
    );
    expect(stored()).toEqual([]);
    expect(await commit(write(3))).toBe(3);
    expect(stored()).toEqual([3]);
  });

  it("writes in the next turn what was left to it, though the commit before it fails", async () => {
    const orphan = prepareOrphan();
    const outcomes = await Promise.allSettled([commit(slow(orphan)), commit(write(1))]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(stored()).toEqual([1]);
  });

  it("says so to everyone when the disk does not take it", async () => {
    const all = [1, 2].map((seq) => commit(write(seq)));
    database.db.$client.pragma("query_only = ON");
    const outcomes = await Promise.allSettled(all);
    database.db.$client.pragma("query_only = OFF");
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(stored()).toEqual([]);
  });
});
