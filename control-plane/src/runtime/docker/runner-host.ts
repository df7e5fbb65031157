import { AppError, OperatorError } from "@whatsapp-engine/contract/api";
import { RUNNER_CONTAINER_PORT, labels } from "@whatsapp-engine/contract/runner";
import { passStep } from "@whatsapp-engine/contract/steps";
import type { ContainerInfo } from "dockerode";
import { type Limits, containerName, containerSpec } from "./container.ts";
import type { Engine } from "./engine.ts";
import { type Keepers, KEEPING } from "./keeper.ts";
import { createNews } from "./news.ts";
import { ensureNetwork, networkName, removeUnusedNetwork } from "./network.ts";
import { checkSandbox } from "./sandbox.ts";
import { watchEngine } from "./watch.ts";
import type { Log } from "../../lib/logger.ts";
import type { ProfileStore } from "../profile-store.ts";
import type { RunnerSettings } from "../runner-environment.ts";
import type { RunnerHost, RunnerInfo, RunnerSpec, RuntimeEvent } from "../runner-host.ts";

export type DockerHostOptions = {
  engine: Engine;
  keepers: Keepers;
  profiles: Pick<ProfileStore, "list">;
  /** Nothing that is not labelled with it is ever touched. */
  installId: string;
  image: string;
  seccomp: string;
  limits: Limits;
  /** What all runners are told. */
  runner: RunnerSettings;
  log: Log;
};

const PING_TIMEOUT_MS = 5_000;
const ALIVE: readonly string[] = ["running", "paused", "restarting"];

/** Runs every runner in a container of its own on the local Docker engine. */
export const createDockerHost = (options: DockerHostOptions): RunnerHost => {
  const { engine, keepers, profiles, installId, image, seccomp, log } = options;
  const network = networkName(installId);
  const settings = { installId, image, network, limits: options.limits, seccomp, runner: options.runner };
  const closing = new AbortController();

  const news = createNews();
  const isAlive = ({ State, Labels }: ContainerInfo) =>
    ALIVE.includes(State) && !news.ended(Labels[labels.runner] ?? "");

  const containersWith = (...label: string[]): Promise<ContainerInfo[]> =>
    engine.call((docker, abortSignal) =>
      docker.listContainers({ all: true, filters: { label }, abortSignal }),
    );
  const containersOf = (filter: string) => containersWith(`${labels.install}=${installId}`, filter);

  const removeStrays = async (olderThanMs: number): Promise<number> => {
    const madeBefore = (Date.now() - olderThanMs) / 1000;
    const all = await containersOf(`${labels.install}=${installId}`);
    const strays = all.filter(
      ({ Labels, Created }) =>
        !(labels.runner in Labels) && Labels[labels.purpose] !== KEEPING && Created <= madeBefore,
    );
    for (const { Id } of strays) await removeContainer(Id, 0);
    return strays.length;
  };

  let ensuring: Promise<void> | undefined;
  const ensureOwnNetwork = () =>
    (ensuring ??= ensureNetwork(engine, installId).finally(() => (ensuring = undefined)));

  const starting = new Map<string, Promise<void>>();
  const start = async (spec: RunnerSpec) => {
    const begun = Date.now();
    // While no runner is on it anybody may have removed it: a `docker network prune` does.
    await ensureOwnNetwork();
    // The volume is made with the container; a name that is taken is this same runner's, as a rule.
    const made = await engine.call<{ id: string } | undefined>(
      (docker, abortSignal) => docker.createContainer({ ...containerSpec(settings, spec), abortSignal }),
      { accept: { 409: undefined } },
    );
    const id = made?.id ?? (await containersOf(`${labels.runner}=${spec.runnerId}`))[0]?.Id;
    if (id === undefined)
      throw new AppError(
        "runner_unavailable",
        `Another container has the name ${containerName(spec)}; remove it with docker rm.`,
      );
    passStep("runner.made", { runnerId: spec.runnerId });
    const outcome = await engine.call<"running" | "removed">(
      (docker, abortSignal) =>
        docker
          .getContainer(id)
          .start({ abortSignal })
          .then(() => "running" as const),
      { accept: { 304: "running", 404: "removed" } },
    );
    if (outcome === "removed")
      throw new AppError("runner_unavailable", "The runner was removed while it was being started.");
    news.forget(spec.runnerId);
    // After the start, so that the runner begins meanwhile.
    await keepers.keep(spec.profileId);
    log.debug({ runnerId: spec.runnerId, durationMs: Date.now() - begun }, "Container started");
  };

  const removeContainer = async (id: string, graceSeconds: number) => {
    await engine.call<unknown>(
      (docker, abortSignal) => docker.getContainer(id).stop({ t: graceSeconds, abortSignal }),
      { timeoutMs: (graceSeconds + 30) * 1000, accept: { 304: undefined, 404: undefined } },
    );
    passStep("runner.stopped", { containerId: id });
    // 409: another call is removing it; `wait` ends when that one is done.
    await engine.call<unknown>(
      (docker, abortSignal) =>
        docker.getContainer(id).remove({ force: true, abortSignal } as { force: true }),
      { accept: { 404: undefined, 409: undefined } },
    );
    await engine.call<unknown>(
      (docker, abortSignal) => docker.getContainer(id).wait({ condition: "removed", abortSignal }),
      { accept: { 404: undefined } },
    );
  };

  return {
    kind: "docker",

    async prepare() {
      await this.ping();
      const imageId = await engine.call<string | null>(
        (docker) =>
          docker
            .getImage(image)
            .inspect()
            .then(({ Id }) => Id),
        { accept: { 404: null } },
      );
      if (imageId === null)
        throw new OperatorError(`The runner image ${image} is missing; build it with: npm run setup`);
      if (options.runner.browserArgs.some((argument) => argument.startsWith("--no-sandbox")))
        throw new OperatorError(
          "RUNNER_BROWSER_ARGS must not hold --no-sandbox: containers keep Chromium's sandbox on.",
        );
      await checkSandbox(engine, { installId, image, seccomp });
      await removeStrays(0);
      await keepers.keepAll(await profiles.list(), imageId);
      await ensureOwnNetwork();
    },

    async ping() {
      await engine.call((docker) => docker.ping(), { timeoutMs: PING_TIMEOUT_MS });
    },

    check() {
      return this.ping();
    },

    ensure(spec) {
      // The engine refuses a name that is taken before its container can be found, so two calls must be one.
      const started =
        starting.get(spec.runnerId) ?? start(spec).finally(() => starting.delete(spec.runnerId));
      starting.set(spec.runnerId, started);
      return started;
    },

    async rename(runnerId, sessionId) {
      const name = containerName({ runnerId, sessionId });
      const containers = await containersOf(`${labels.runner}=${runnerId}`);
      const named = containers.filter(({ Names }) => !Names.includes(`/${name}`));
      await Promise.all(
        named.map(({ Id }) =>
          engine.call<unknown>(
            (docker, abortSignal) => docker.getContainer(Id).rename({ name, abortSignal }),
            // 400, 409: another call was first, so that it has this name.
            { accept: { 400: undefined, 404: undefined, 409: undefined } },
          ),
        ),
      );
    },

    async remove(runnerId, { graceSeconds }) {
      const containers = await containersOf(`${labels.runner}=${runnerId}`);
      await Promise.all(containers.map(({ Id }) => removeContainer(Id, graceSeconds)));
      news.forget(runnerId);
    },

    async list() {
      return (await containersOf(labels.runner)).map((container): RunnerInfo => {
        const { Labels, Created, Names } = container;
        const runnerId = Labels[labels.runner] ?? "";
        return {
          runnerId,
          hasPoolName: Names.includes(`/${containerName({ runnerId, sessionId: null })}`),
          profileId: Labels[labels.profile] ?? "",
          liveness: isAlive(container) ? "alive" : "gone",
          createdAt: new Date(Created * 1000).toISOString(),
        };
      });
    },

    async listOthers() {
      const all = await containersWith(labels.install, labels.runner);
      return all.flatMap(({ Labels, State, Created }) => {
        const { [labels.install]: owner = "", [labels.runner]: runnerId = "" } = Labels;
        const liveness = ALIVE.includes(State) ? ("alive" as const) : ("gone" as const);
        const createdAt = new Date(Created * 1000).toISOString();
        return owner === installId ? [] : [{ installId: owner, runnerId, liveness, createdAt }];
      });
    },

    removeStrays,

    async endpoint(runnerId) {
      const known = news.address(runnerId);
      if (known) return known;
      const { edition } = news;
      const containers = await containersOf(`${labels.runner}=${runnerId}`);
      const host = containers.find(isAlive)?.NetworkSettings.Networks[network]?.IPAddress;
      if (!host) throw new AppError("runner_unavailable", "The session's container does not run.");
      const address = { host, port: RUNNER_CONTAINER_PORT };
      news.keep(runnerId, address, edition);
      return address;
    },

    watch(listener, signal) {
      const tell = (event: RuntimeEvent) => {
        news.note(event);
        listener(event);
      };
      const stop = AbortSignal.any([signal, closing.signal]);
      void watchEngine({ engine, installId, log }, tell, stop).finally(() =>
        news.note({ type: "unavailable" }),
      );
    },

    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      await removeUnusedNetwork(engine, installId).catch((err: unknown) =>
        log.warn({ err }, "The bridge of the runners was not removed"),
      );
    },
  };
};
