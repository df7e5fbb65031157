import { AppError, OperatorError } from "@whatsapp-engine/contract/api";
import { labels } from "@whatsapp-engine/contract/runner";
import type { Engine } from "./engine.ts";

const ICC = "com.docker.network.bridge.enable_icc";

export const networkName = (installId: string): string => `whatsapp-engine-${installId}`;

/**
 * Makes the one bridge that all runners of this installation are on. Its containers cannot reach each other
 * (`enable_icc=false`); the host reaches each by its address. One call at a time: the engine takes a name twice where
 * two ask at once, and then starts no container on either.
 */
export const ensureNetwork = async (engine: Engine, installId: string): Promise<void> => {
  const name = networkName(installId);
  let network = await findNetwork(engine, installId);
  if (!network) {
    await engine
      .call<unknown>(
        (docker, abortSignal) =>
          docker.createNetwork({
            Name: name,
            Driver: "bridge",
            CheckDuplicate: true,
            Options: { [ICC]: "false" },
            Labels: { [labels.install]: installId },
            abortSignal,
          }),
        { accept: { 409: undefined } },
      )
      .catch(sayWhereNoRangeIsLeft);
    network = await findNetwork(engine, installId);
  }
  if (network?.Options?.[ICC] !== "false")
    throw new OperatorError(
      `The Docker network ${name} is not one of this engine's, which keep sessions apart; remove it with: docker network rm ${name}`,
    );
};

/** An engine has ranges for 31 bridges unless it is told of more, and says so by statuses that differ from version to version. */
function sayWhereNoRangeIsLeft(cause: unknown): never {
  if (!(cause instanceof AppError) || !/address pool/.test(cause.message)) throw cause;
  throw new AppError(
    "runtime_unavailable",
    "The Docker engine has no range of addresses left for this installation's network; remove networks that nobody uses (docker network prune), or give it more ranges by default-address-pools in /etc/docker/daemon.json.",
    { cause, retryAfterSeconds: 5 },
  );
}

/** Takes the bridge away unless a runner is on it (the engine refuses then): an engine's bridges are few. */
export const removeUnusedNetwork = async (engine: Engine, installId: string): Promise<void> => {
  await engine.call<unknown>(
    (docker, abortSignal) =>
      docker.getNetwork(networkName(installId)).remove({ abortSignal } as Record<string, unknown>),
    { timeoutMs: 5_000, accept: { 403: undefined, 404: undefined } },
  );
};

const findNetwork = async (engine: Engine, installId: string) => {
  const name = networkName(installId);
  const found = await engine.call((docker, abortSignal) =>
    docker.listNetworks({
      filters: { name: [name], label: [`${labels.install}=${installId}`] },
      abortSignal,
    }),
  );
  // The engine's filter matches parts of names.
  return found.find((network) => network.Name === name);
};
