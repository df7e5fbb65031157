import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "@whatsapp-engine/contract/api";
import { labels } from "@whatsapp-engine/contract/runner";
import type { Engine } from "./engine.ts";

/** The engine lets go of a removed container's volume a moment after the container is gone; it tells nobody when. */
const IN_USE_RETRIES = 20;
const RETRY_MS = 250;

/** Whether this installation has a volume of this name. */
export const hasVolume = async (engine: Engine, installId: string, name: string): Promise<boolean> => {
  const { Volumes } = await engine.call((docker, abortSignal) =>
    docker.listVolumes({ filters: { name: [name], label: [`${labels.install}=${installId}`] }, abortSignal }),
  );
  // The engine's filter matches parts of names.
  return Volumes.some((volume) => volume.Name === name);
};

/** Deletes a volume of this installation. One that is gone, or another installation's, is left as it is. */
export const removeVolume = async (engine: Engine, installId: string, name: string): Promise<void> => {
  if (!(await hasVolume(engine, installId, name))) return;
  for (let attempt = 0; attempt <= IN_USE_RETRIES; attempt += 1) {
    const outcome = await engine.call<"removed" | "in use">(
      (docker, abortSignal) =>
        docker
          .getVolume(name)
          .remove({ abortSignal })
          .then(() => "removed" as const),
      { accept: { 404: "removed", 409: "in use" } },
    );
    if (outcome === "removed") return;
    await delay(RETRY_MS);
  }
  throw new AppError("runtime_unavailable", "The profile's volume is still in use.", {
    retryAfterSeconds: 5,
  });
};
