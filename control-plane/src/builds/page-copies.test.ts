import { randomUUID } from "node:crypto";
import { chownSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MAX_PAGE_BYTES } from "@whatsapp-engine/contract/runner";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createPageCopies } from "./page-copies.ts";

let dataDir: string;
beforeEach(() => void (dataDir = mkdtempSync(join(tmpdir(), "page-copies-"))));
afterEach(() => rmSync(dataDir, { recursive: true }));

const version = (n: number) => `2.3000.${n}`;
const pathOf = (name: string) => join(dataDir, "whatsapp-web", name);
const open = (pinned: string[] = []) =>
  createPageCopies({ dataDir, isPinned: (one) => pinned.includes(one), clock: { now: () => 9_000_000 } });
const put = (n: number) => {
  writeFileSync(pathOf(`${version(n)}.html`), `page ${n}`);
  utimesSync(pathOf(`${version(n)}.html`), n, n);
};

it("keeps the first copy of a version, and finds it again", async () => {
  const copies = open();
  await copies.keep(version(1), "first");
  await copies.keep(version(1), "second");
  expect((await open().use(version(1)))?.toString()).toBe("first");
  expect(await copies.use(version(2))).toBeNull();
});

it("keeps the twenty that were used last, and those that are pinned", async () => {
  const copies = open([version(1)]);
  for (let n = 1; n <= 21; n++) put(n);
  await copies.use(version(2)); // used now, so the oldest is the third
  await copies.keep(version(22), "new");
  const kept = copies.list().map((copy) => copy.version);
  expect(kept).toHaveLength(21);
  expect(kept).toEqual(expect.arrayContaining([1, 2, 22].map(version)));
  expect(kept).not.toContain(version(3));
});

it("takes what an operator put there, and nothing that cannot be a copy", () => {
  const copies = open();
  put(1);
  writeFileSync(pathOf("2.3000.2.html"), "");
  writeFileSync(pathOf("2.3000.3.html"), Buffer.alloc(MAX_PAGE_BYTES + 1));
  writeFileSync(pathOf("notes.html"), "not a version");
  expect(copies.list()).toEqual([{ version: version(1), bytes: 6, usedAt: 1_000 }]);
  expect(readdirSync(join(dataDir, "whatsapp-web"))).toHaveLength(4);
});

it("removes the copy that an engine was writing when it was killed, and no other file", () => {
  open();
  for (const name of [`${randomUUID()}.part`, "mine.part"]) writeFileSync(pathOf(name), "half");
  open();
  expect(readdirSync(join(dataDir, "whatsapp-web"))).toEqual(["mine.part"]);
});

it.runIf(process.getuid?.() === 0)("hands out a copy that is not the engine's own", async () => {
  const copies = open();
  put(1);
  for (const folder of [dataDir, join(dataDir, "whatsapp-web")]) chownSync(folder, 65_534, 65_534);
  process.seteuid!(65_534);
  try {
    expect((await copies.use(version(1)))?.toString()).toBe("page 1");
  } finally {
    process.seteuid!(0);
  }
});

it.each(["../engine", "2.3000.1/../../x", ""])("never makes a path of %j", async (name) => {
  const copies = open();
  expect(await copies.use(name)).toBeNull();
  await expect(copies.keep(name, "x")).rejects.toThrow("must be a version");
});
