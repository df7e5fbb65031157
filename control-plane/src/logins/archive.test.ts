import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { extract, type Header } from "tar-stream";
import { describe, expect, it } from "vitest";
import { checkBackup, packBackup, profileOf, type Manifest } from "./archive.ts";
import { tarOf, type File } from "./test-support/tar-of.ts";

const MANIFEST: Manifest = {
  format: "whatsapp-engine-backup",
  version: 1,
  sessionId: "s",
  profileId: "p",
  cursor: 3,
  phoneNumber: "6281234567890",
  whatsappVersion: "2.3000.1",
  createdAt: "2026-11-23T03:45:00.000Z",
};

async function read(tar: Readable): Promise<{ header: Header; body: string }[]> {
  const found: { header: Header; body: string }[] = [];
  const entries = extract();
  tar.pipe(entries as never);
  for await (const entry of entries) {
    const body = (await buffer(entry as never)).toString();
    found.push({ header: entry.header, body });
  }
  return found;
}
const names = (entries: { header: Header }[]) => entries.map(({ header }) => header.name);

const manifest: File = { name: "manifest.json", body: JSON.stringify(MANIFEST) };
const linked: File = { name: "profile/browser/linked", body: "2026-11-23T00:00:00.000Z" };

describe("a backup's tar", () => {
  it("holds login and journal, and no caches, locks, claims or pids", async () => {
    const default_ = "./browser/session/Default";
    const { tar, linked } = packBackup(
      tarOf([
        { name: "./", type: "directory" },
        { name: "./claim.json" },
        { name: "./runner.pid" },
        { name: "./journal.ndjson", body: '{"seq":1}\n' },
        { name: "./journal.ndjson.new" },
        { name: "./outgoing/file" },
        { name: "./browser.deleted/session/Default/Local Storage/old" },
        { name: "./browser/", type: "directory", mode: 0o777 },
        { name: "./browser/linked", uid: 0, mode: 0o4755 },
        { name: "./browser/session/Local State" },
        { name: "./browser/session/SingletonLock", type: "symlink", linkname: "elsewhere-1" },
        { name: "./browser/session/GrShaderCache/data_0" },
        { name: `${default_}/Local Storage/leveldb/000003.log`, body: "the login" },
        { name: `${default_}/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb/CURRENT` },
        { name: `${default_}/Cache/Cache_Data/data_0` },
        { name: `${default_}/Code Cache/js/index` },
        { name: `${default_}/GPUCache/index` },
        { name: `${default_}/Service Worker/CacheStorage/a/index` },
        { name: `${default_}/Cached Theme` },
      ]),
      MANIFEST,
    );
    const entries = await read(tar);
    expect(names(entries)).toEqual([
      "manifest.json",
      "profile/journal.ndjson",
      "profile/browser",
      "profile/browser/linked",
      "profile/browser/session/Local State",
      "profile/browser/session/Default/Local Storage/leveldb/000003.log",
      "profile/browser/session/Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb/CURRENT",
      "profile/browser/session/Default/Cached Theme",
    ]);
    expect(linked()).toBe(true);
    expect(JSON.parse(entries[0]!.body)).toEqual(MANIFEST);
    expect(entries[3]!.header).toMatchObject({ mode: 0o600, uid: 1000, gid: 1000 });
    expect(entries[5]!.body).toBe("the login");
  });

  it("says that there is no login", async () => {
    const { tar, linked } = packBackup(tarOf([{ name: "journal.ndjson" }]), MANIFEST);
    await read(tar);
    expect(linked()).toBe(false);
  });

  it("fails as the profile's own tar fails", async () => {
    async function* broken() {
      yield Buffer.alloc(0);
      throw new Error("the engine went away");
    }
    await expect(buffer(packBackup(Readable.from(broken()), MANIFEST).tar)).rejects.toThrow("went away");
  });

  it("is read back: what it says of itself, its journal's last number, and the profile as it was", async () => {
    const journal = { name: "profile/journal.ndjson", body: '{"seq":7}\n{"seq":9}\n{"se\n{"seq":12}' };
    const files = [manifest, linked, journal, { name: "profile/browser", type: "directory" as const }];
    expect(await checkBackup(tarOf(files))).toEqual({ manifest: MANIFEST, lastSeq: 9 });
    const profile = await read(profileOf(tarOf(files)));
    expect(names(profile)).toEqual(["browser/linked", "journal.ndjson", "browser"]);
    expect(profile[1]!.body).toBe(journal.body);
  });

  it.each<[string, File[]]>([
    ["a path above", [manifest, linked, { name: "profile/browser/../../../etc/passwd" }]],
    ["a path above, at once", [manifest, linked, { name: "../profile/browser/x" }]],
    ["an absolute path", [manifest, linked, { name: "/profile/browser/x" }]],
    ["an absolute path within", [manifest, linked, { name: "profile//browser/x" }]],
    ["a link", [manifest, linked, { name: "profile/browser/x", type: "symlink", linkname: "/etc" }]],
    ["a hard link", [manifest, linked, { name: "profile/browser/x", type: "link", linkname: "/etc/passwd" }]],
    ["a device", [manifest, linked, { name: "profile/browser/x", type: "character-device" }]],
    ["a file beside the login", [manifest, linked, { name: "profile/runner.pid" }]],
    ["a name that only begins alike", [manifest, linked, { name: "profile/browser.deleted" }]],
    ["no manifest", [linked]],
    ["a manifest that comes later", [linked, manifest]],
    [
      "a manifest of a later version",
      [{ ...manifest, body: JSON.stringify({ ...MANIFEST, version: 2 }) }, linked],
    ],
    ["a manifest that is no JSON", [{ ...manifest, body: "{" }, linked]],
    ["no login", [manifest, { name: "profile/journal.ndjson" }]],
    ["nothing", []],
  ])("is refused with %s", async (_, files) => {
    await expect(checkBackup(tarOf(files))).rejects.toMatchObject({ code: "invalid_backup" });
  });

  it("is refused where it is no tar, or breaks off", async () => {
    const whole = await buffer(
      tarOf([manifest, linked, { name: "profile/browser/x", body: "x".repeat(5000) }]),
    );
    for (const bytes of [Buffer.alloc(2048, 1), whole.subarray(0, 4000)])
      await expect(checkBackup(Readable.from([bytes]))).rejects.toMatchObject({ code: "invalid_backup" });
  });
});
