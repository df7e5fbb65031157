import { execFileSync } from "node:child_process";
import {
  chmod,
  chown,
  lchown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkMapped, checkUnused, createProfileUsers } from "./users.ts";

const RANGE = { first: 1_900_000_000, last: 1_900_000_009 };
/** Whom all browsers were run as, before each session had a user of its own. */
const NOBODY = 65_534;

let folder: string;
let root: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "process-users-"));
  root = join(folder, "profiles");
  await mkdir(root);
});
afterEach(() => rm(folder, { recursive: true }));

const ownerOf = async (path: string) => (await lstat(path)).uid;
const usersOf = () => createProfileUsers(root, RANGE);
const made = async (profileId: string) => {
  await mkdir(join(root, profileId));
  return usersOf().ensure(profileId);
};

describe.runIf(process.getuid?.() === 0)("users of profiles", () => {
  test("no two have the same, at once or one after the other, and each keeps its own", async () => {
    const ids = Array.from({ length: 10 }, (_, index) => `p${index}`);
    await Promise.all(ids.map((id) => mkdir(join(root, id))));
    const users = usersOf();
    const given = await Promise.all(ids.map(users.ensure));
    expect(new Set(given).size).toBe(10);
    for (const [index, id] of ids.entries()) {
      expect(await usersOf().ensure(id)).toBe(given[index]);
      expect(await ownerOf(join(root, id))).toBe(given[index]);
    }
    await expect(made("p10")).rejects.toMatchObject({
      code: "capacity_exceeded",
      message:
        "RUNNER_UIDS (1900000000-1900000009) has no user left for another session; widen it, or delete sessions.",
    });
  });

  test("a profile that was copied by hand, its owner too, gets another", async () => {
    const uid = await made("a");
    await mkdir(join(root, "b"));
    await chown(join(root, "b"), uid, uid);
    const other = await usersOf().ensure("b");
    expect(other).not.toBe(uid);
    expect(await usersOf().ensure("a")).toBe(uid);
  });

  test("a whole installation that was copied, its owners too, has other users than its original", async () => {
    const wide = { first: 1_900_000_000, last: 1_999_999_999 };
    const uid = await (await mkdir(join(root, "a")), createProfileUsers(root, wide)).ensure("a");
    execFileSync("cp", ["-a", root, join(folder, "copy")]);
    const copy = createProfileUsers(join(folder, "copy"), wide);
    expect(await ownerOf(join(folder, "copy/a"))).toBe(uid);
    expect(await copy.userOf("a")).toBeUndefined();
    expect(await copy.ensure("a")).not.toBe(uid);
    expect(await createProfileUsers(root, wide).userOf("a")).toBe(uid);
  });

  describe("a profile of an engine of before", () => {
    const OUTSIDE = "browser/session/Default";
    let dir: string;
    beforeEach(async () => {
      dir = join(root, "p");
      await mkdir(join(dir, "browser/session/Default/Local Storage"), { recursive: true });
      await writeFile(join(dir, "journal.ndjson"), "{}\n", { mode: 0o600 });
      await writeFile(join(dir, "browser/linked"), "2026-01-01T00:00:00.000Z", { mode: 0o600 });
      await writeFile(join(dir, "browser/session/Default/Local Storage/LOG"), "");
      execFileSync("chown", ["--recursive", `${NOBODY}:${NOBODY}`, join(dir, "browser/session")]);
      await chown(join(dir, "browser"), NOBODY, NOBODY);
      // What a browser could have put there, and what it must not get.
      await mkdir(join(folder, "outside"));
      await writeFile(join(folder, "outside/secret"), "", { mode: 0o600 });
      await symlink(join(folder, "outside"), join(dir, OUTSIDE, "folder"));
      await symlink(join(folder, "outside/secret"), join(dir, OUTSIDE, "file"));
      await lchown(join(dir, OUTSIDE, "folder"), NOBODY, NOBODY);
      await link(join(folder, "outside/secret"), join(dir, OUTSIDE, "other-name"));
    });

    const isWhole = async (uid: number) => {
      // Not by readdir, which goes through links.
      const found = execFileSync("find", [dir, "!", "-name", "other-name"], { encoding: "utf8" });
      const names = found.trim().split("\n");
      expect(names.length).toBe(10);
      for (const name of names) expect([name, await ownerOf(name)]).toEqual([name, uid]);
      expect((await lstat(dir)).mode & 0o777).toBe(0o700);
    };
    const outsideIsAsItWas = async () => {
      expect(await readdir(join(folder, "outside"))).toEqual(["secret"]);
      for (const name of ["outside", "outside/secret"]) expect(await ownerOf(join(folder, name))).toBe(0);
      expect(await readlink(join(dir, OUTSIDE, "file"))).toBe(join(folder, "outside/secret"));
    };

    test("is given to a user as a whole, once, and nothing that its links lead to", async () => {
      const uid = await usersOf().ensure("p");
      await isWhole(uid);
      await outsideIsAsItWas();
      expect(await usersOf().ensure("p")).toBe(uid);
    });

    test("is given as a whole where that was broken off", async () => {
      await chown(join(dir, "browser/session"), RANGE.first, RANGE.first);
      await chmod(join(dir, "browser"), 0o700);
      await chown(join(dir, "browser"), 0, 0);
      await isWhole(await usersOf().ensure("p"));
      await outsideIsAsItWas();
    });

    test("is given to the same user again where that engine had it in between", async () => {
      const uid = await usersOf().ensure("p");
      await chmod(dir, 0o711);
      await chown(join(dir, "browser"), NOBODY, NOBODY);
      await writeFile(join(dir, "journal.ndjson.new"), "");
      await rm(join(dir, "journal.ndjson"));
      expect(await usersOf().ensure("p")).toBe(uid);
      await isWhole(uid);
      await outsideIsAsItWas();
    });

    test("is given again where that engine wrote a file of its own and the browser's folder is gone", async () => {
      const uid = await usersOf().ensure("p");
      await rm(join(dir, "browser"), { recursive: true });
      await writeFile(join(dir, "generation.json"), "{}", { mode: 0o600 });
      await usersOf().ensure("p");
      expect(await ownerOf(join(dir, "generation.json"))).toBe(uid);
    });

    test("is not given where a file of it has another name elsewhere, and the file is named", async () => {
      await link(join(dir, "browser/session/Default/Local Storage/LOG"), join(folder, "copy-of-LOG"));
      await expect(usersOf().ensure("p")).rejects.toThrow(/Local Storage\/LOG has another name elsewhere/);
      expect(await ownerOf(join(folder, "copy-of-LOG"))).toBe(NOBODY);
      expect(await usersOf().userOf("p")).toBeUndefined();
      await rm(join(folder, "copy-of-LOG"));
      await isWhole(await usersOf().ensure("p"));
    });
  });
});

test("a range that a container has no users for: said with those that it has", async () => {
  for (const name of ["uid_map", "gid_map"])
    await writeFile(join(folder, name), "         0     100000      65536\n");
  await expect(checkMapped(RANGE, folder)).rejects.toThrow("which has 0-65535; give some of those");
  await checkMapped({ first: 50_000, last: 59_999 }, folder);
  await checkMapped(RANGE, join(folder, "none"));
});

test("a range in which somebody is: said with the name, before anything is started", async () => {
  const passwd = join(folder, "passwd");
  await writeFile(passwd, "root:x:0:0::/root:/bin/sh\nalice:x:1900000003:1000::/home/alice:/bin/sh\n");
  await expect(checkUnused(RANGE, passwd)).rejects.toThrow(
    "RUNNER_UIDS 1900000000-1900000009 holds user 1900000003, which is alice's",
  );
  await checkUnused({ first: 1_900_000_004, last: 1_900_000_009 }, passwd);
  await checkUnused(RANGE, join(folder, "none"));
});
