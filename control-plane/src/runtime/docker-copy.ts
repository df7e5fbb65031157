import { Readable } from "node:stream";
import { AppError, labels } from "@whatsapp-engine/contract";
import { PROFILE_DIR, hardening, profileMount } from "./docker-container.ts";
import type { Engine } from "./docker-engine.ts";

type Options = { engine: Engine; installId: string; image: string; seccomp: string };

/** What `labels.purpose` says of a container that is made to copy a volume by. */
const COPYING = "copy-profile";

/** Longest that a profile may take on its way in or out; the engine copies some 100 MB a second. */
const COPY_TIMEOUT_MS = 5 * 60_000;

/**
 * Copies profiles out of and into their volumes, by containers that are made and never started: the engine reads and
 * writes the volume itself, and no program sees it.
 */
export const createProfileCopy = ({ engine, installId, image, seccomp }: Options) => {
  const open = async (profileId: string): Promise<string> => {
    const container = await engine.call((docker, abortSignal) =>
      docker.createContainer({
        Image: image,
        Labels: { [labels.install]: installId, [labels.purpose]: COPYING },
        HostConfig: {
          ...hardening(seccomp),
          NetworkMode: "none",
          Mounts: [profileMount(installId, profileId)],
        },
        abortSignal,
      }),
    );
    return container.id;
  };
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
      const late = setTimeout(() => (tar as Readable).destroy(new Error("too slow")), COPY_TIMEOUT_MS);
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
          { timeoutMs: COPY_TIMEOUT_MS },
        );
        // The client does not settle a call whose body breaks off.
        await Promise.race([written, failed]);
      } finally {
        await close(id);
      }
    },
  };
};
