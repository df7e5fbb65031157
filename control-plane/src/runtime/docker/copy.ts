import { Readable } from "node:stream";
import { AppError } from "@whatsapp-engine/contract/api";
import { createAccess, type AccessOptions } from "./access.ts";
import { PROFILE_DIR } from "./container.ts";

/** What `labels.purpose` says of a container that is made to copy a volume by. */
const COPYING = "copy-profile";

/** Longest that a profile may take on its way in or out; the engine copies some 100 MB a second. */
const COPY_TIMEOUT_MS = 5 * 60_000;

/**
 * Copies profiles out of and into their volumes, by containers that are made and never started: the engine reads and
 * writes the volume itself, and no program sees it.
 */
export const createProfileCopy = (options: AccessOptions, { timeoutMs = COPY_TIMEOUT_MS } = {}) => {
  const { engine } = options;
  const open = (profileId: string) => createAccess(options, profileId, { purpose: COPYING });
  const close = (id: string) =>
    engine.call<unknown>((docker, abortSignal) => docker.getContainer(id).remove({ abortSignal } as object), {
      accept: { 404: undefined, 409: undefined },
    });

  async function* read(profileId: string): AsyncGenerator<Buffer> {
    const id = await open(profileId);
    try {
      const tar = await engine.call((docker, abortSignal) =>
        docker.getContainer(id).getArchive({ path: `${PROFILE_DIR}/.`, abortSignal } as { path: string }),
      );
      const late = setTimeout(() => (tar as Readable).destroy(new Error("too slow")), timeoutMs);
      try {
        yield* tar as AsyncIterable<Buffer>;
      } finally {
        clearTimeout(late);
      }
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      const message = "The Docker engine broke off while the profile was copied.";
      throw new AppError("runtime_unavailable", message, { cause, retryAfterSeconds: 5 });
    } finally {
      await close(id);
    }
  }

  return {
    read: (profileId: string): Readable => Readable.from(read(profileId), { objectMode: false }),

    async write(profileId: string, tar: Readable): Promise<void> {
      const id = await open(profileId);
      const failed = new Promise<never>((_, reject) => tar.once("error", reject));
      try {
        const written = engine.call(
          (docker, abortSignal) =>
            docker.getContainer(id).putArchive(tar, { path: PROFILE_DIR, abortSignal } as {
              path: string;
            }),
          { timeoutMs },
        );
        // The client does not settle a call whose body breaks off.
        await Promise.race([written, failed]);
      } finally {
        await close(id);
      }
    },
  };
};
