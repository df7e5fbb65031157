import { execFileSync } from "node:child_process";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { extract, pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createProfileFolders, type ProfileFolders } from "./profile-folders.ts";

/** What a browser that was taken over may have made of its profile, and an engine that is root. */
describe.runIf(process.getuid?.() === 0)("a profile whose user means harm", () => {
  let folder: string;
  let profiles: ProfileFolders;
  let dir: string;
  let uid: number;
  let outside: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "process-profile-"));
    await chmod(folder, 0o711);
    profiles = createProfileFolders({
      dataDir: folder,
      uids: { first: 1_900_000_000, last: 1_999_999_999 },
      searchPath: process.env["PATH"]!,
    });
    uid = (await profiles.create("p"))!;
    dir = profiles.dir("p");
    outside = join(folder, "outside");
    await mkdir(join(outside, "deep"), { recursive: true });
    await writeFile(
      join(outside, "claim.json"),
      JSON.stringify({ sessionId: "stolen", claimedAt: "2026-01-01T00:00:00.000Z" }),
    );
    await writeFile(join(outside, "secret"), "the database", { mode: 0o600 });
    await writeFile(join(outside, "linked"), "");
    await writeFile(join(outside, "deep/file"), "");
    as("mkdir -p browser/session");
  });
  afterEach(() => rm(folder, { recursive: true }));

  const as = (script: string) =>
    execFileSync("sh", ["-c", script], {
      cwd: dir,
      uid,
      gid: uid,
      env: { PATH: process.env["PATH"], OUTSIDE: outside },
    });

  const outsideIsAsItWas = async () => {
    expect((await readdir(outside, { recursive: true })).toSorted()).toEqual([
      "claim.json",
      "deep",
      "deep/file",
      "linked",
      "secret",
    ]);
    for (const name of ["", "secret", "deep", "deep/file"])
      expect((await lstat(join(outside, name))).uid).toBe(0);
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("the database");
    expect((await lstat(join(outside, "secret"))).mode & 0o777).toBe(0o600);
  };

  test("read: no link is followed, no pipe is waited for", async () => {
    as('ln -s "$OUTSIDE/claim.json" claim.json; mkfifo generation.json');
    expect(await profiles.read("p")).toEqual({
      claim: "unreadable",
      linked: false,
      generation: 0,
      hasRunner: false,
    });
    as('rm -r browser; ln -s "$OUTSIDE" browser');
    await expect(profiles.read("p")).rejects.toThrow("browser is no folder");
    as("rm claim.json browser; mkdir claim.json browser; ln -s /etc/passwd browser/linked");
    expect(await profiles.read("p")).toMatchObject({ claim: "unreadable", linked: false });
  });

  test("removed: what links lead to stays, and no mode keeps anything", async () => {
    as('ln -s "$OUTSIDE" folder; ln -s "$OUTSIDE/secret" file; rm -r browser; ln -s "$OUTSIDE/deep" browser');
    as("mkdir -p a/b/c; touch a/b/c/file; chmod 0 a/b; mkfifo pipe");
    await writeFile(join(dir, "of-root"), "", { mode: 0o600 });
    await profiles.remove("p");
    expect(await profiles.list()).toEqual([]);
    await outsideIsAsItWas();
  });

  test("copied: what links lead to is not in the copy", async () => {
    as('ln -s "$OUTSIDE" folder; ln -s "$OUTSIDE/secret" file; echo login > browser/session/Login');
    const entries: string[] = [];
    const reading = extract();
    reading.on("entry", ({ name, type, uid }, content, next) => {
      entries.push(`${type} ${name} ${uid}`);
      content.on("end", next).resume();
    });
    await pipeline(profiles.pack("p"), reading);
    expect(entries.toSorted()).toEqual([
      "directory ./ 0",
      "directory ./browser/ 0",
      "directory ./browser/session/ 0",
      "file ./browser/session/Login 0",
      "symlink ./file 0",
      "symlink ./folder 0",
    ]);
  });

  test("what it may not read itself is not copied: the copy fails", async () => {
    await writeFile(join(dir, "of-root"), "the database", { mode: 0o600 });
    await expect(text(profiles.pack("p"))).rejects.toMatchObject({
      code: "runtime_unavailable",
      message: "The session's profile could not be read.",
    });
  });

  test("written: no link leads what is written anywhere that its user could not go itself", async () => {
    as('rm -r browser; ln -s "$OUTSIDE" browser');
    const tar = pack();
    tar.entry({ name: "browser/secret", mode: 0o600 }, "taken over");
    tar.finalize();
    await profiles.unpack("p", Readable.from(tar)).catch(() => undefined);
    await outsideIsAsItWas();
  });

  test("what was recorded of its runner is where it cannot change it", async () => {
    await profiles.writeOwner("p", "1 1");
    as('echo "2 2" > runner.pid');
    await profiles.adopt();
    expect(await profiles.readOwner("p")).toBe("1 1");
    expect(() => as('cat "$OUTSIDE/../runners/p"')).toThrow("Permission denied");
  });

  test("a copy of it made by hand, its user too, is not taken for its own", async () => {
    execFileSync("cp", ["--archive", dir, profiles.dir("q")]);
    await profiles.adopt();
    const places = await Promise.all(["p", "q"].map(profiles.place));
    expect(places.map((place) => place.uid).filter((one) => one !== undefined)).toEqual([uid]);
    expect(await profiles.create("q")).not.toBe(await profiles.create("p"));
  });

  test("another session's is out of its reach, and so is what its files are made of", async () => {
    const other = (await profiles.create("q"))!;
    expect(other).not.toBe(uid);
    await writeFile(join(profiles.dir("q"), "journal.ndjson"), "", { mode: 0o666 });
    expect(() => as(`ls ${profiles.dir("q")}`)).toThrow("Permission denied");
    expect(() => as(`cat ${profiles.dir("q")}/journal.ndjson`)).toThrow("Permission denied");
    expect(() => as(`touch ${join(folder, "profiles")}/r`)).toThrow("Permission denied");
  });
});
