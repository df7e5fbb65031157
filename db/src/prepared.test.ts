import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { and, eq, sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { OpenDatabase } from "./open.ts";
import { openDatabase } from "./prepare.ts";
import { equals, limitOf } from "./prepared.ts";
import { messages } from "./schema/index.ts";

const RUNS = 2_000;

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

function secondsOf(run: () => unknown): number {
  run();
  const begun = process.hrtime.bigint();
  for (let n = 0; n < RUNS; n++) run();
  return Number(process.hrtime.bigint() - begun) / 1e9;
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
  const [slow, fast] = [bound, written].map((one) => secondsOf(() => one.get({ bulkId: "b" })));
  expect(fast! * 3).toBeLessThan(slow!);
});

it("is not prepared anew at each run for its LIMIT", () => {
  const { db } = database;
  const ofSession = db
    .select()
    .from(messages)
    .where(eq(messages.sessionId, sql.placeholder("sessionId")));
  const bare = ofSession.limit(sql.placeholder("limit")).prepare();
  const slow = secondsOf(() => bare.all({ sessionId: "a", limit: 5 }));
  const cast = ofSession.limit(limitOf("limit")).prepare();
  const fast = secondsOf(() => cast.all({ sessionId: "a", limit: 5 }));
  expect(fast * 3).toBeLessThan(slow);
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
