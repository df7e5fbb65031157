import { posix } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { MAX_LINE_BYTES, REMADE_BY_CHROMIUM } from "@whatsapp-engine/contract/runner";
import type { Header } from "tar-stream";
import { z } from "zod";
import { linesOf } from "../lib/ndjson.ts";
import { invalidBackup } from "./invalid-backup.ts";
import { copy, entriesOf, isPlain, nameOf, packed, type Entry } from "./tar.ts";

/** What a backup says of itself; its first file. */
const manifestSchema = z.object({
  format: z.literal("whatsapp-engine-backup"),
  version: z.literal(1),
  sessionId: z.string(),
  /** Of which profile, and up to where its journal was told to the engine then. */
  profileId: z.string(),
  cursor: z.number().int().min(0),
  /** Digits; null where only a LID was known. */
  phoneNumber: z.string().nullable(),
  whatsappVersion: z.string().nullable(),
  /** ISO 8601 */
  createdAt: z.iso.datetime(),
});
export type Manifest = z.infer<typeof manifestSchema>;

const MANIFEST = "manifest.json";
const MAX_MANIFEST_BYTES = 64 * 1024;
const PROFILE = "profile/";

/** What of a profile is the account; claims, pids and files on their way to the page are of the runner that was. */
const KEPT = ["browser", "journal.ndjson"];
/** Since when there is a login (`runner/src/profile.ts`). */
const LINKED = "browser/linked";
const JOURNAL = "journal.ndjson";

/** A profile's tar as a backup's; `linked()` answers, once it was read to its end, whether there is a login in it. */
export function packBackup(profile: Readable, manifest: Manifest): { tar: Readable; linked: () => boolean } {
  let linked = false;
  const tar = packed(async (into) => {
    into.entry({ name: MANIFEST, mode: 0o600 }, `${JSON.stringify(manifest)}\n`);
    for await (const entry of entriesOf(profile)) {
      const name = nameOf(entry.header);
      linked ||= name === LINKED;
      const wanted = isPlain(entry.header) && isKept(name) && !REMADE_BY_CHROMIUM.test(name);
      if (wanted) await copy(entry, into, `${PROFILE}${name}`);
    }
  });
  return { tar, linked: () => linked };
}

/**
 * Reads a backup to its end, and answers what it says of itself and the number of its journal's last line. Throws
 * `invalid_backup` for whatever a backup of ours does not hold.
 */
export async function checkBackup(backup: Readable): Promise<{ manifest: Manifest; lastSeq: number }> {
  let manifest: Manifest | undefined;
  let linked = false;
  let lastSeq = 0;
  for await (const { entry, name } of backupEntries(backup)) {
    if (name === null) manifest = await readManifest(entry);
    linked ||= name === LINKED;
    if (name === JOURNAL) lastSeq = await readLastSeq(entry);
  }
  if (manifest === undefined || !linked) throw invalidBackup("it holds no login");
  return { manifest, lastSeq };
}

/** The profile in a backup, as a tar whose names begin in the profile's folder. */
export const profileOf = (backup: Readable): Readable =>
  packed(async (into) => {
    for await (const { entry, name } of backupEntries(backup))
      if (name !== null) await copy(entry, into, name);
  });

/** `name` is the path within the profile; null: the manifest, which comes first. */
async function* backupEntries(backup: Readable): AsyncGenerator<{ entry: Entry; name: string | null }> {
  let first = true;
  for await (const entry of entriesOf(backup)) {
    if (first && entry.header.name !== MANIFEST) throw invalidBackup("it does not begin with a manifest");
    yield { entry, name: first ? null : safeName(entry.header) };
    first = false;
  }
}

async function readManifest(entry: Entry): Promise<Manifest> {
  if ((entry.header.size ?? 0) > MAX_MANIFEST_BYTES) throw invalidBackup("its manifest is too long");
  try {
    return manifestSchema.parse(JSON.parse(await text(entry)));
  } catch {
    throw invalidBackup("its manifest is not one of this version of the engine");
  }
}

/** 0: it has no line. */
async function readLastSeq(journal: Entry): Promise<number> {
  let last = 0;
  for await (const { text } of linesOf(journal as AsyncIterable<Uint8Array>, MAX_LINE_BYTES))
    last = Math.max(last, seqOf(text));
  return last;
}

/** As the runner reads it: a line that a loss of power left is none. */
function seqOf(line: string): number {
  try {
    const { seq } = JSON.parse(line) as { seq?: unknown };
    return typeof seq === "number" && Number.isSafeInteger(seq) ? seq : 0;
  } catch {
    return 0;
  }
}

const isKept = (name: string) => KEPT.some((kept) => name === kept || name.startsWith(`${kept}/`));

/** Throws for a name that leads anywhere but to what a backup holds. */
function safeName(header: Header): string {
  const path = header.name.replace(/\/$/, "");
  const name = path.slice(PROFILE.length);
  const isSafe = path.startsWith(PROFILE) && posix.normalize(name) === name && !name.includes("\0");
  if (isSafe && isPlain(header) && isKept(name)) return name;
  throw invalidBackup("it holds a file that is no part of a login");
}
