import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { entriesOf } from "./tar.ts";
import { packWhole, readWhole } from "./whole.ts";
import { tarOf, type File } from "./test-support/tar-of.ts";

const manifest: File = {
  name: "manifest.json",
  body: '{"format":"whatsapp-engine-whole-backup","version":1,"createdAt":"2026-11-30T00:00:00.000Z"}',
};

/** All that was taken, as `path: content`; a folder has none. */
async function taken(backup: Readable): Promise<string[]> {
  const found: string[] = [];
  await readWhole(backup, {
    async file(path, entry) {
      found.push(`${path}: ${String(await buffer(entry as never))}`);
    },
    async profile(profileId, tar) {
      found.push(`profile ${profileId}`);
      for await (const entry of entriesOf(tar)) {
        const content = entry.header.type === "file" ? String(await buffer(entry as never)) : "";
        found.push(`${profileId}/${entry.header.name}: ${content}`);
      }
    },
  });
  return found;
}

describe("a whole backup", () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "whole-"));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  it("holds the data folder and each login, and nothing of the moment", async () => {
    for (const name of ["media", "profiles", "before-upgrade"]) mkdirSync(join(dataDir, name));
    for (const name of ["install.json", "engine.sqlite", "media/a", "media/b"])
      writeFileSync(join(dataDir, name), `of ${name}`);
    for (const name of ["engine.lock", "engine.sqlite-wal", "profiles/x", "before-upgrade/x", "spool-1"])
      writeFileSync(join(dataDir, name), "");
    const logins: Record<string, File[]> = {
      p1: [
        { name: "./", type: "directory" },
        { name: "./claim.json", body: "claim" },
        { name: "./runner.pid" },
        { name: "./outgoing/file" },
        { name: "./browser", type: "directory" },
        { name: "./browser/linked", body: "since" },
        { name: "./browser/session/SingletonLock", type: "symlink", linkname: "elsewhere-1" },
        { name: "./browser/session/Default/GPUCache/index" },
      ],
      empty: [{ name: ".", type: "directory" }],
    };
    const tar = packWhole({
      dataDir,
      profileIds: Object.keys(logins),
      profile: (profileId) => tarOf(logins[profileId]!),
      createdAt: "2026-11-30T00:00:00.000Z",
    });
    const all = await taken(tar);
    expect(all.slice(0, -5).toSorted()).toEqual([
      "engine.sqlite: of engine.sqlite",
      "install.json: of install.json",
      "media/a: of media/a",
      "media/b: of media/b",
      "media: ",
    ]);
    expect(all.slice(-5)).toEqual([
      "profile p1",
      "p1/claim.json: claim",
      "p1/browser: ",
      "p1/browser/linked: since",
      "profile empty",
    ]);
  });

  it.each<[string, File[]]>([
    ["no manifest", [{ name: "data/install.json" }]],
    [
      "the manifest of one session's backup",
      [{ ...manifest, body: '{"format":"whatsapp-engine-backup","version":1}' }],
    ],
    ["a path above", [manifest, { name: "data/../x" }]],
    ["a path above a profile", [manifest, { name: "profiles/../x" }]],
    ["an absolute path", [manifest, { name: "/data/x" }]],
    ["a link", [manifest, { name: "data/x", type: "symlink", linkname: "y" }]],
    ["a file elsewhere", [manifest, { name: "etc/x" }]],
    ["the data folder itself as a file", [manifest, { name: "data" }]],
    ["a file of the engine after the logins", [manifest, { name: "profiles/p/x" }, { name: "data/x" }]],
    ["nothing", []],
  ])("is refused with %s", async (_, files) => {
    await expect(taken(tarOf(files))).rejects.toMatchObject({ code: "invalid_backup" });
  });

  it("breaks off with a profile that cannot be taken", async () => {
    const backup = tarOf([manifest, { name: "profiles/p/x", body: "x".repeat(1_000_000) }]);
    const profile = async () => {
      throw new Error("the disk is full");
    };
    await expect(readWhole(backup, { file: async () => undefined, profile })).rejects.toThrow(
      "the disk is full",
    );
  });
});
