import { EventEmitter } from "node:events";
import { constants } from "node:fs";
import { access, mkdir } from "node:fs/promises";
import { AppError } from "@whatsapp-engine/contract/api";
import { passStep } from "@whatsapp-engine/contract/steps";
import { identify } from "@whatsapp-engine/processes";
import { createLocks } from "../../lib/locks.ts";
import type { Log } from "../../lib/logger.ts";
import { findChromium } from "./chromium.ts";
import { type RunnerProcess, startRunnerProcess } from "./child.ts";
import { endLeftovers } from "./leftovers.ts";
import { checkCanEnter, type ProfileFolders } from "./profile-folders.ts";
import { checkMapped, checkUnused, type UidRange } from "./users.ts";
import { runnerEnvironment, type RunnerSettings } from "../runner-environment.ts";
import type { RunnerHost, RunnerSpec, RuntimeEvent } from "../runner-host.ts";

export type ProcessHostOptions = {
  dataDir: string;
  /** The runner's program, `runner/build/main.js`. */
  runnerEntry: string;
  /** Chromium's executable; searched for where it usually is without it. */
  chromiumPath?: string | undefined;
  folders: ProfileFolders;
  /** Ends all that is on a profile, whoever started it. Throws `runner_unavailable` where something may be left. */
  clear: (profileId: string) => Promise<void>;
  /** Users for the sessions, one each; undefined: all are our own user's. */
  uids: UidRange | undefined;
  /** What all runners are told. */
  runner: RunnerSettings;
  /** The control plane's environment, of which a runner gets the few variables that are not about the engine. */
  environment: Readonly<Record<string, string | undefined>>;
  log: Log;
};

/** Variables of ours that a runner may see; keys and settings of the engine are none of its business. */
const HANDED_ON = ["PATH", "LANG", "LC_ALL", "TZ", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/** Longest that children get to settle a fresh login and close their browsers when the control plane ends. */
const CLOSE_GRACE_MS = 25_000;

/** Runs every runner as a child process: for development, and for machines without a Docker engine. */
export const createProcessHost = (options: ProcessHostOptions): RunnerHost => {
  const { folders, clear, uids, log } = options;
  const searchPath = options.environment["PATH"] ?? "";
  const runners = new Map<
    string,
    { profileId: string; createdAt: string; process: Promise<RunnerProcess> }
  >();
  const events = new EventEmitter<{ event: [RuntimeEvent] }>().setMaxListeners(0);
  const closing = new AbortController();
  const tell = (event: RuntimeEvent) => events.emit("event", event);
  let chromium: string | undefined;
  /** The newest use of each profile: what is on a profile ends with its runner, unless another has it by then. */
  const uses = new Map<string, object>();
  const locks = createLocks();

  const clearAfter = (profileId: string, use: object) =>
    locks.run(profileId, async () => {
      if (uses.get(profileId) !== use) return;
      await clear(profileId).catch((err: unknown) => log.warn({ profileId, err }, "A profile is in use"));
      uses.delete(profileId);
    });

  const start = async (spec: RunnerSpec): Promise<RunnerProcess> => {
    const { runnerId, profileId } = spec;
    const executable = (chromium ??= await findChromium(options.chromiumPath, searchPath));
    const handedOn = HANDED_ON.flatMap((name) => {
      const value = options.environment[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    const environmentFor = (uid: number | undefined) => ({
      ...Object.fromEntries(handedOn),
      ...runnerEnvironment(options.runner, spec, {
        RUNNER_PROFILE_DIR: folders.dir(profileId),
        RUNNER_HOST: "127.0.0.1",
        RUNNER_PORT: 0,
        RUNNER_CHROMIUM_PATH: executable,
        RUNNER_UID: uid,
      }),
    });
    const child = await locks.run(profileId, async () => {
      await clear(profileId);
      const environment = environmentFor(await folders.create(profileId));
      passStep("profile.made", { runnerId });
      const use = {};
      uses.set(profileId, use);
      return startRunnerProcess(options.runnerEntry, environment, () => clearAfter(profileId, use));
    });
    passStep("runner.made", { runnerId });
    tell({ type: "started", runnerId });
    void child.ended.then((exitCode) => {
      log.info({ runnerId, exitCode }, "Runner process ended");
      tell({ type: "exited", runnerId, exitCode });
    });
    try {
      const owner = identify(child.pid);
      if (owner !== undefined) await folders.writeOwner(profileId, owner);
      child.begin();
    } catch (error) {
      // Without its owner's name in it, nobody would find this runner on the profile again.
      await child.end(0);
      throw error;
    }
    return child;
  };

  const running = async (runnerId: string) => {
    const child = await runners.get(runnerId)?.process.catch(() => undefined);
    return child?.alive ? child : undefined;
  };

  return {
    kind: "process",

    async prepare() {
      chromium = await findChromium(options.chromiumPath, searchPath);
      await mkdir(options.dataDir, { recursive: true, mode: 0o711 });
      if (uids !== undefined) {
        await checkMapped(uids);
        await checkUnused(uids);
        await checkCanEnter(options.dataDir, uids.first);
      }
      await folders.adopt();
      await endLeftovers(folders, clear, log);
    },

    async ping() {},

    async check() {
      chromium ??= await findChromium(options.chromiumPath, options.environment["PATH"] ?? "");
      await access(chromium, constants.X_OK).catch((cause: NodeJS.ErrnoException) => {
        const message = `The browser ${chromium} cannot be started: ${cause.message}.`;
        throw new AppError("runtime_unavailable", message, { cause });
      });
    },

    async ensure(spec) {
      const { runnerId, profileId } = spec;
      if (closing.signal.aborted) throw new AppError("shutting_down", "The engine is shutting down.");
      const known = runners.get(runnerId);
      if (known) {
        if ((await known.process).alive) return;
        // It ended; by now another call may have started it again.
        if (runners.get(runnerId) !== known) return this.ensure(spec);
      }
      const started = start(spec);
      runners.set(runnerId, { profileId, createdAt: new Date().toISOString(), process: started });
      try {
        await started;
      } catch (error) {
        runners.delete(runnerId);
        throw error;
      }
    },

    /** Nobody reads a process's name. */
    async rename() {},

    async remove(runnerId, { graceSeconds }) {
      const known = runners.get(runnerId);
      const child = await known?.process.catch(() => undefined);
      await child?.end(graceSeconds * 1000);
      // What ends with the engine is to come back with it.
      if (known && child && !closing.signal.aborted) await folders.clearOwner(known.profileId, child.pid);
      runners.delete(runnerId);
    },

    // What it looks at is read from files, by nothing that could be left.
    removeStrays: async () => 0,

    // Another installation's processes are known to it alone.
    listOthers: async () => [],

    async list() {
      return Promise.all(
        [...runners].map(async ([runnerId, { profileId, createdAt }]) => ({
          runnerId,
          profileId,
          liveness: (await running(runnerId)) ? ("alive" as const) : ("gone" as const),
          hasPoolName: false,
          createdAt,
        })),
      );
    },

    async endpoint(runnerId) {
      const child = await running(runnerId);
      if (!child) throw new AppError("runner_unavailable", "The session's process does not run.");
      return { host: "127.0.0.1", port: await child.port() };
    },

    watch(listener, signal) {
      if (signal.aborted || closing.signal.aborted) return;
      events.on("event", listener);
      AbortSignal.any([signal, closing.signal]).addEventListener(
        "abort",
        () => events.off("event", listener),
        {
          once: true,
        },
      );
      queueMicrotask(() => listener({ type: "relist" }));
    },

    async close() {
      closing.abort();
      await Promise.all(
        [...runners.keys()].map((runnerId) => this.remove(runnerId, { graceSeconds: CLOSE_GRACE_MS / 1000 })),
      );
    },
  };
};
