import { labels } from "@whatsapp-engine/contract/runner";
import type { ProfileStore } from "../profile-store.ts";
import { claimOf, generationOf } from "../profile-contents.ts";
import type { AccessOptions } from "./access.ts";
import { volumeName } from "./container.ts";
import { createProfileCopy } from "./copy.ts";
import type { Keepers } from "./keeper.ts";
import { readVolume } from "./profile-files.ts";
import { removeVolume } from "./volume.ts";

/** Profiles as volumes of the Docker engine. */
export const createVolumeProfiles = (access: AccessOptions, keepers: Keepers): ProfileStore => {
  const { engine, installId } = access;
  const copy = createProfileCopy(access);
  return {
    async list() {
      const { Volumes } = await engine.call((docker, abortSignal) =>
        docker.listVolumes({
          filters: { label: [`${labels.install}=${installId}`, labels.profile] },
          abortSignal,
        }),
      );
      return Volumes.flatMap(({ Labels }) => Labels[labels.profile] ?? []);
    },

    async inspect(profileId) {
      const label = [`${labels.install}=${installId}`, `${labels.profile}=${profileId}`, labels.runner];
      const [texts, runners] = await Promise.all([
        readVolume(access, profileId),
        engine.call((docker, abortSignal) =>
          docker.listContainers({ all: true, filters: { label }, abortSignal }),
        ),
      ]);
      return (
        texts && {
          claim: claimOf(texts.claim),
          linked: texts.linked,
          generation: generationOf(texts.generation),
          hasRunner: runners.length > 0,
        }
      );
    },

    read: copy.read,
    write: copy.write,

    async remove(profileId) {
      await keepers.letGo(profileId);
      await removeVolume(engine, installId, volumeName(profileId));
    },
  };
};
