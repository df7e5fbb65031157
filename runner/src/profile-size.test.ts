import { link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sizeOnDisk } from "./profile-size.ts";

const KB = 1_024;
const MB = KB * KB;
let dir = "";
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), "size-"))));
afterEach(() => rm(dir, { recursive: true }));

test("counts what files take on the disk, in folders of folders", async () => {
  await mkdir(join(dir, "a/b"), { recursive: true });
  await writeFile(join(dir, "a/b/large"), Buffer.alloc(MB, 1));
  await writeFile(join(dir, "small"), "x");
  const bytes = await sizeOnDisk(dir);
  expect(bytes).toBeGreaterThanOrEqual(MB);
  expect(bytes).toBeLessThan(MB + 64 * KB);
});

test("counts a name as something, whatever is in it, and follows no links", async () => {
  await writeFile(join(dir, "file"), Buffer.alloc(MB, 1));
  const inside = join(dir, "inside");
  await mkdir(inside);
  await symlink(dir, join(inside, "folder"));
  await symlink("/", join(inside, "all"));
  await writeFile(join(inside, "empty"), "");
  expect(await sizeOnDisk(inside)).toBe(3 * KB);
  await link(join(dir, "file"), join(inside, "same"));
  expect(await sizeOnDisk(inside)).toBeGreaterThanOrEqual(MB);
});

test("stops counting once it is enough, and passes over what is not there", async () => {
  for (let i = 0; i < 100; i++) await writeFile(join(dir, String(i)), "");
  expect(await sizeOnDisk(dir, 10 * KB)).toBe(11 * KB);
  expect(await sizeOnDisk(join(dir, "none"))).toBe(0);
});
