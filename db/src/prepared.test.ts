import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { and, eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { OpenDatabase } from "./open.ts";
import { openDatabase } from "./prepare.ts";
import { equals, limitOf } from "./prepared.ts";
import { messages } from "./schema/index.ts";

const BATCHES = 40;
const RUNS = 50;

let dir: string;
let database: OpenDatabase;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "prepared-"));
  database = openDatabase(dir);
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

/** The fastest batch of each, in turn: whatever else the machine does holds up some of them, and not all. */
function fastestOf(works: readonly (() => unknown)[]): number[] {
  const fastest = works.map(() => Number.POSITIVE_INFINITY);
  for (let batch = 0; batch < BATCHES; batch++)
    for (const [at, work] of works.entries()) {
      const begun = process.hrtime.bigint();
      for (let run = 0; run < RUNS; run++) work();
      fastest[at] = Math.min(fastest[at]!, Number(process.hrtime.bigint() - begun));
    }
  return fastest;
}

it("is not prepared anew at each run for a value that a partial index is limited by", () => {
  const { db } = database;
  const isOfBulk = eq(messages.bulkId, sql.placeholder("bulkId"));
  const bound = db
    .select()
    .from(messages)
    .where(and(isOfBulk, eq(messages.status, "queued")))
    .prepare();
  const written = db
    .select()
    .from(messages)
    .where(and(isOfBulk, equals(messages.status, "queued")))
    .prepare();
  const [slow, fast] = fastestOf([bound, written].map((one) => () => one.get({ bulkId: "b" })));
  expect(fast! * 2).toBeLessThan(slow!);
});

it("is not prepared anew at each run for its LIMIT", () => {
  const { db } = database;
  const ofSession = () =>
    db
      .select()
      .from(messages)
      .where(eq(messages.sessionId, sql.placeholder("sessionId")));
  const bare = ofSession().limit(sql.placeholder("limit")).prepare();
  const cast = ofSession().limit(limitOf("limit")).prepare();
  const [slow, fast] = fastestOf([bare, cast].map((one) => () => one.all({ sessionId: "a", limit: 5 })));
  expect(fast! * 2).toBeLessThan(slow!);
});

it("reads as many rows as are asked for", () => {
  const { db } = database;
  const some = db
    .select({ n: sql`value` })
    .from(sql`json_each('[1,2,3]')`)
    .limit(limitOf("limit"))
    .prepare();
  expect(some.all({ limit: 2 })).toHaveLength(2);
  expect(some.all({ limit: 9 })).toHaveLength(3);
});
