import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { REMADE_BY_CHROMIUM } from "@whatsapp-engine/contract/runner";
import { pack, type Header, type Pack } from "tar-stream";
import { z } from "zod";
import { invalidBackup } from "./invalid-backup.ts";
import { copy, entriesOf, isPlain, nameOf, packed, type Entry } from "./tar.ts";

/*
 * Everything of an installation in one tar: `manifest.json`, then its data folder in `data/`, then each login in
 * `profiles/<profile id>/`, wherever the runtime keeps them.
 */

const manifestSchema = z.object({
  format: z.literal("whatsapp-engine-whole-backup"),
  version: z.literal(1),
  /** ISO 8601 */
  createdAt: z.iso.datetime(),
});
export type WholeManifest = z.infer<typeof manifestSchema>;

const MANIFEST = "manifest.json";
const MAX_MANIFEST_BYTES = 64 * 1024;
const DATA = "data";
const PROFILES = "profiles";

/** Logins come by the runtime; which process had one, the lock and what SQLite has beside its file are of the moment, copies before an upgrade of the past. */
const NOT_OF_DATA = /^(profiles|runners|restoring|before-upgrade|engine\.lock.*|engine\.sqlite-.*|spool-.*)$/;
/** Of a runner that was. */
const NOT_OF_PROFILE = /^(runner\.pid|outgoing|browser\.deleted|journal\.ndjson\.new)(\/|$)/;

/** `profile` makes the tar of one profile, when its turn has come. Nothing may write to any of it meanwhile. */
export const packWhole = (whole: {
  dataDir: string;
  profileIds: readonly string[];
  profile: (profileId: string) => Readable;
  createdAt: string;
}): Readable =>
  packed(async (into) => {
    const { dataDir, profileIds, profile, createdAt } = whole;
    const manifest: WholeManifest = { format: "whatsapp-engine-whole-backup", version: 1, createdAt };
    into.entry({ name: MANIFEST, mode: 0o600 }, `${JSON.stringify(manifest)}\n`);
    for (const name of await readdir(dataDir))
      if (!NOT_OF_DATA.test(name)) await addPath(join(dataDir, name), into, `${DATA}/${name}`);
    for (const profileId of profileIds) {
      const folder = `${PROFILES}/${profileId}`;
      into.entry({ name: folder, type: "directory", mode: 0o700 }); // one that is empty is a profile too
      for await (const entry of entriesOf(profile(profileId))) {
        const name = nameOf(entry.header);
        const wanted =
          name !== "" &&
          isPlain(entry.header) &&
          !NOT_OF_PROFILE.test(name) &&
          !REMADE_BY_CHROMIUM.test(name);
        if (wanted) await copy(entry, into, `${folder}/${name}`);
      }
    }
  });

async function addPath(path: string, into: Pack, name: string): Promise<void> {
  const found = await stat(path);
  if (found.isDirectory()) {
    into.entry({ name, type: "directory", mode: 0o700, mtime: found.mtime });
    for (const child of await readdir(path)) await addPath(join(path, child), into, `${name}/${child}`);
  } else if (found.isFile()) {
    const header = { name, size: found.size, mode: 0o600, mtime: found.mtime };
    await pipeline(createReadStream(path), into.entry(header));
  }
}

/**
 * Reads a whole backup once, from its beginning to its end. `file` gets each file and folder of the data folder, `profile` then the tar of
 * each login. Throws `invalid_backup` for whatever one of ours does not hold; something was taken by then.
 */
export async function readWhole(
  backup: Readable,
  take: {
    file: (path: string, entry: Entry) => Promise<void>;
    profile: (profileId: string, tar: Readable) => Promise<void>;
  },
): Promise<WholeManifest> {
  let manifest: WholeManifest | undefined;
  let open: { profileId: string; tar: Pack; taken: Promise<never> } | undefined;
  const finish = async () => {
    open?.tar.finalize();
    await open?.taken.catch(unlessDone);
    open = undefined;
  };
  const begin = (profileId: string) => {
    const tar = pack();
    const taken = take.profile(profileId, Readable.from(tar, { objectMode: false })).then(() => {
      throw DONE;
    });
    taken.catch(() => undefined); // waited for above
    return { profileId, tar, taken };
  };
  try {
    for await (const entry of entriesOf(backup)) {
      if (manifest === undefined) {
        manifest = await readManifest(entry);
        continue;
      }
      const { root, parts } = placeOf(entry.header);
      const [profileId = "", ...within] = parts;
      if (root === DATA && parts.length > 0) {
        if (open) throw invalidBackup("a file of the engine comes after the logins");
        await take.file(parts.join("/"), entry);
      } else if (root === PROFILES && profileId !== "") {
        if (open?.profileId !== profileId) {
          await finish();
          open = begin(profileId);
        }
        if (within.length > 0) await Promise.race([copy(entry, open.tar, within.join("/")), open.taken]);
      } else throw invalidBackup("it holds a file that is no part of a backup");
    }
    await finish();
  } catch (error) {
    open?.tar.destroy(error as Error);
    await open?.taken.catch(() => undefined);
    throw error;
  }
  if (manifest === undefined) throw invalidBackup("it is empty");
  return manifest;
}

/** A profile that was taken before its tar ended is as wrong as one that failed. */
const DONE = new Error("the profile was taken before all of it came");
const unlessDone = (error: unknown) => {
  if (error !== DONE) throw error;
};

/** Throws for a name that leads anywhere but into the data folder or a profile. */
function placeOf(header: Header): { root: string; parts: string[] } {
  const name = nameOf(header);
  const [root = "", ...parts] = name.split("/");
  const isSafe = posix.normalize(name) === name && !parts.includes("..") && !name.includes("\0");
  if (isSafe && root !== ".." && isPlain(header)) return { root, parts };
  throw invalidBackup("it holds a file that is no part of a backup");
}

async function readManifest(entry: Entry): Promise<WholeManifest> {
  const isFirst = entry.header.name === MANIFEST && (entry.header.size ?? 0) <= MAX_MANIFEST_BYTES;
  if (!isFirst) throw invalidBackup("it does not begin with a manifest");
  try {
    return manifestSchema.parse(JSON.parse(await text(entry)));
  } catch {
    throw invalidBackup("its manifest is not one of a whole backup, or of a later version");
  }
}
