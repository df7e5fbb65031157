import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openUnread } from "./unread.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "unread-"));
});
afterEach(() => rm(dir, { recursive: true }));
const path = () => join(dir, "unread.ndjson");
const silent = { warn: () => undefined };

test("what could not be read is kept for an operator, and counted over restarts", async () => {
  const unread = await openUnread({ path: path(), log: silent, now: () => 0 });
  unread.keep("journal", "no JSON", '{"half\ud800');
  unread.keep("page", "too long", "x".repeat(1_000_000));
  await unread.written();
  expect(unread.count).toBe(2);

  const [first, second] = (await readFile(path(), "utf8")).split("\n");
  expect(JSON.parse(first!)).toEqual({
    at: "1970-01-01T00:00:00.000Z",
    from: "journal",
    why: "no JSON",
    text: '{"half\ufffd',
  });
  expect((JSON.parse(second!) as { text: string }).text).toHaveLength(65_536);
  expect((await openUnread({ path: path(), log: silent })).count).toBe(2);
});

test("a page that tells nonsense all the time fills neither the disk, nor the log, nor the stream", async () => {
  let logged = 0;
  let told = 0;
  const unread = await openUnread({ path: path(), log: { warn: () => void (logged += 1) } });
  unread.onGrown(() => void (told += 1));
  for (let n = 0; n < 10_000; n++) unread.keep("page", "nonsense", "x".repeat(10_000));
  await unread.written();
  expect({ count: unread.count, logged, told }).toEqual({ count: 10_000, logged: 1, told: 1 });
  expect((await stat(path())).size).toBeLessThan(5 * 1024 * 1024);
});

test("where nothing may be written it is counted all the same", async () => {
  const unread = await openUnread({ path: null, log: silent });
  unread.keep("page", "nonsense", "");
  expect(unread.count).toBe(1);
});
