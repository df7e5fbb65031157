import { labels } from "@whatsapp-engine/contract/runner";
import { hardening, profileMount } from "./container.ts";
import type { Engine } from "./engine.ts";

export type AccessOptions = { engine: Engine; installId: string; image: string; seccomp: string };

/**
 * Makes a container by which the engine reads or writes a profile's volume, and answers its id. It is never started: no
 * program sees what is in the volume. `purpose`: what its label says; whatever has one and is old is a leftover.
 */
export const createAccess = async (
  { engine, installId, image, seccomp }: AccessOptions,
  profileId: string,
  { purpose, readOnly = false }: { purpose: string; readOnly?: boolean },
): Promise<string> => {
  const container = await engine.call((docker, abortSignal) =>
    docker.createContainer({
      Image: image,
      Labels: { [labels.install]: installId, [labels.purpose]: purpose },
      HostConfig: {
        ...hardening(seccomp),
        NetworkMode: "none",
        Mounts: [{ ...profileMount(installId, profileId), ReadOnly: readOnly }],
      },
      abortSignal,
    }),
  );
  return container.id;
};
