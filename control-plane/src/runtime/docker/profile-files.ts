import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { AppError } from "@whatsapp-engine/contract/api";
import { extract } from "tar-stream";
import { createAccess, type AccessOptions } from "./access.ts";
import { PROFILE_DIR, volumeName } from "./container.ts";
import type { Engine } from "./engine.ts";
import { hasVolume } from "./volume.ts";
import { MAX_FILE_BYTES, profileFiles } from "../profile-contents.ts";

/** What `labels.purpose` says of a container that is made to read a volume by. */
const READING = "read-profile";

export type ProfileTexts = { claim: string | null; generation: string | null; linked: boolean };

/**
 * Reads files of a profile's volume through a container that is made for it and never started: the engine hands out
 * files of such a one too. Undefined: there is no such volume. Throws `runtime_unavailable`.
 */
export const readVolume = async (
  options: AccessOptions,
  profileId: string,
): Promise<ProfileTexts | undefined> => {
  const { engine, installId } = options;
  // A mount of a volume that is missing would make one.
  if (!(await hasVolume(engine, installId, volumeName(profileId)))) return undefined;
  const id = await createAccess(options, profileId, { purpose: READING, readOnly: true });
  const remove = () =>
    engine.call<"removed" | "gone">(
      (docker, abortSignal) =>
        docker
          .getContainer(id)
          .remove({ force: true, abortSignal } as { force: true })
          .then(() => "removed" as const),
      { accept: { 404: "gone" } },
    );
  const texts = await readAll(engine, id).catch(async (error: unknown) => {
    await remove().catch(() => undefined);
    throw error;
  });
  // The engine's 404 for a file is its 404 for a container, too: only one that was there to the end had no such file.
  if ((await remove()) === "gone")
    throw new AppError(
      "runtime_unavailable",
      "The container that a profile was read by was removed meanwhile.",
    );
  return texts;
};

const readAll = async (engine: Engine, id: string): Promise<ProfileTexts> => {
  const path = (file: string) => `${PROFILE_DIR}/${file}`;
  const read = (file: string) =>
    engine.call<string | null>(
      async (docker, abortSignal) =>
        textOf(
          await docker.getContainer(id).getArchive({ path: path(file), abortSignal } as { path: string }),
        ),
      { accept: { 404: null } },
    );
  const linked = engine.call<boolean>(
    (docker, abortSignal) =>
      docker
        .getContainer(id)
        .infoArchive({ path: path(profileFiles.linked), abortSignal } as { path: string })
        .then((answer) => {
          (answer as unknown as Readable).resume();
          return true;
        }),
    { accept: { 404: false } },
  );
  const [claim, generation, isLinked] = await Promise.all([
    read(profileFiles.claim),
    read(profileFiles.generation),
    linked,
  ]);
  return { claim, generation, linked: isLinked };
};

/** The one file of an archive; empty for what is no file, or too large to be one of a runner's. */
const textOf = async (archive: NodeJS.ReadableStream): Promise<string> => {
  const entries = extract();
  const reading = pipeline(archive, entries);
  reading.catch(() => undefined); // waited for below
  let content = "";
  for await (const entry of entries) {
    if (entry.header.type === "file" && (entry.header.size ?? 0) <= MAX_FILE_BYTES)
      content = await text(entry);
    else entry.resume();
  }
  await reading;
  return content;
};
