import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openAppendLog } from "./append-log.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "append-log-"));
});
afterEach(() => rm(dir, { recursive: true }));

test("a line that a crash cut off is removed, and the next one stands alone", async () => {
  const path = join(dir, "log");
  await writeFile(path, "one\ntwo\nthr");
  const { log, lines } = await openAppendLog(path);
  expect(lines).toEqual(["one", "two"]);
  await log.append("three");
  await log.close();
  expect(await readFile(path, "utf8")).toBe("one\ntwo\nthree\n");
});

test("lines appended at once are all there, in order", async () => {
  const path = join(dir, "log");
  const { log } = await openAppendLog(path);
  const wanted = Array.from({ length: 200 }, (_, index) => `line ${index}`);
  await Promise.all(wanted.map((line) => log.append(line)));
  await log.close();
  expect((await openAppendLog(path)).lines).toEqual(wanted);
});

test("what is appended while the file is rewritten is not lost", async () => {
  const path = join(dir, "log");
  const { log } = await openAppendLog(path);
  const memory: string[] = [];
  const append = (line: string) => {
    memory.push(line);
    return log.append(line);
  };
  const tasks = [append("old"), log.rewrite(() => memory.filter((line) => line !== "old")), append("new")];
  await Promise.all(tasks);
  await log.close();
  expect((await openAppendLog(path)).lines).toEqual(["new"]);
});

test("a write that fails rejects, and leaves no half a line", async () => {
  const path = join(dir, "log");
  const { log } = await openAppendLog(path);
  await log.append("one");
  await log.close();
  await expect(log.append("two")).rejects.toThrow();
  expect(await readFile(path, "utf8")).toBe("one\n");
});
