import { labels } from "@whatsapp-engine/contract/runner";
import { Semaphore } from "async-mutex";
import type { AccessOptions } from "./access.ts";
import { hardening, profileMount } from "./container.ts";

/** What `labels.purpose` says of a container that holds a profile's volume, and is never started. */
export const KEEPING = "keep-profile";

/** Each takes the engine some 50 ms; the start of the control plane waits for all. */
const AT_ONCE = 8;

const keeperName = (profileId: string): string => `whatsapp-keeps-${profileId}`;

export type Keepers = ReturnType<typeof createKeepers>;

/**
 * Volumes that no container has are removed by `docker volume prune` (up to Docker 22, with `--all` in later ones), logins of
 * sessions that sleep among them. A container that is made and never started holds each; it costs no memory.
 */
export const createKeepers = ({ engine, installId, image, seccomp }: AccessOptions) => {
  /** Does nothing where there is one. The volume is made if it is missing. */
  async function keep(profileId: string): Promise<void> {
    await engine.call<unknown>(
      (docker, abortSignal) =>
        docker.createContainer({
          name: keeperName(profileId),
          Image: image,
          Labels: {
            [labels.install]: installId,
            [labels.profile]: profileId,
            [labels.purpose]: KEEPING,
          },
          HostConfig: {
            ...hardening(seccomp),
            NetworkMode: "none",
            Mounts: [profileMount(installId, profileId)],
          },
          abortSignal,
        }),
      { accept: { 409: undefined } },
    );
  }

  const keepersWith = (...more: string[]) =>
    engine.call((docker, abortSignal) =>
      docker.listContainers({
        all: true,
        filters: { label: [`${labels.install}=${installId}`, `${labels.purpose}=${KEEPING}`, ...more] },
        abortSignal,
      }),
    );

  const remove = (id: string) =>
    engine.call<unknown>(
      (docker, abortSignal) => docker.getContainer(id).remove({ force: true, abortSignal } as object),
      { accept: { 404: undefined, 409: undefined } },
    );

  return {
    keep,

    async letGo(profileId: string): Promise<void> {
      for (const { Id } of await keepersWith(`${labels.profile}=${profileId}`)) await remove(Id);
    },

    /** Makes what is missing, and makes anew what holds on to an image that is no longer used. */
    async keepAll(profileIds: readonly string[], imageId: string): Promise<void> {
      const keepers = await keepersWith();
      const found = new Map(keepers.map((keeper) => [keeper.Labels[labels.profile], keeper]));
      const turns = new Semaphore(AT_ONCE);
      await Promise.all(
        profileIds.map((profileId) =>
          turns.runExclusive(async () => {
            const keeper = found.get(profileId);
            if (keeper?.ImageID === imageId) return;
            if (keeper) await remove(keeper.Id);
            await keep(profileId);
          }),
        ),
      );
    },
  };
};
