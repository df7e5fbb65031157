import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { AppError } from "@whatsapp-engine/contract/api";
import { RUNNER_BEGIN, runnerListeningSchema } from "@whatsapp-engine/contract/runner";
import { groupEnded, signalGroup } from "./group.ts";

/** From start to the report of its port; a runner listens before it starts its browser. */
const LISTEN_TIMEOUT_MS = 30_000;
/** From SIGKILL to an empty process group. */
const KILL_TIMEOUT_MS = 5_000;
/**
 * The same as in Dockerfile.runner. MiB of the young generation; figures in bench/README.md: a small one is cleared often, and with it
 * go the bytes of pictures. With Node's 16 they pile up until all of the heap is searched.
 */
export const NODE_ARGS: readonly string[] = ["--max-semi-space-size=2"];

export type RunnerProcess = {
  readonly pid: number;
  /** Lets it use its profile, once that says whose it is. */
  begin(): void;
  /** True until nothing of it runs any more, its browser included. */
  readonly alive: boolean;
  /** Resolves with the exit code, or null after a signal, when nothing of it runs any more. */
  readonly ended: Promise<number | null>;
  /** The port it listens on, once it has said so. Throws `runner_unavailable` if it ends before, or takes too long. */
  port(): Promise<number>;
  /** SIGTERM, then SIGKILL to all of its group after the grace; resolves when nothing of it is left. */
  end(graceMs: number): Promise<void>;
};

/**
 * Starts a runner as the leader of a process group of its own, so that nothing it started can outlive it, with an
 * IPC channel, by whose end it learns that the control plane is gone. `clear` ends what it started outside of that group.
 */
export const startRunnerProcess = async (
  entry: string,
  environment: Readonly<Record<string, string>>,
  clear: () => Promise<void> = async () => {},
): Promise<RunnerProcess> => {
  const child = spawn(process.execPath, [...NODE_ARGS, entry], {
    detached: true,
    env: { ...environment },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  try {
    await once(child, "spawn");
  } catch (cause) {
    throw new AppError("runtime_unavailable", "The session's process could not be started.", { cause });
  }
  const pid = child.pid as number;
  // After the start, errors tell of signals and messages that found nobody; its end is told by `exit`.
  child.on("error", () => {});
  let alive = true;
  // `once()` would be rejected by one of those errors.
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const ended = exited.then(async (code) => {
    signalGroup(pid, "SIGKILL");
    await groupEnded(pid, KILL_TIMEOUT_MS);
    await clear();
    alive = false;
    return code;
  });
  const listening = portOf(child);
  // Whoever asks for the port hears of its failure; nobody has to ask.
  listening.catch(() => {});

  return {
    pid,
    begin: () => void child.send(RUNNER_BEGIN),
    get alive() {
      return alive;
    },
    ended,
    port: () => listening,
    async end(graceMs) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
};

const portOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    const fail = (message: string) => () => reject(new AppError("runner_unavailable", message));
    const timer = setTimeout(fail("The session's process does not answer."), LISTEN_TIMEOUT_MS);
    child.once("exit", () => clearTimeout(timer));
    child.once("exit", fail("The session's process ended while it was starting."));
    child.on("message", (message) => {
      const parsed = runnerListeningSchema.safeParse(message);
      if (!parsed.success) return;
      clearTimeout(timer);
      resolve(parsed.data.listening.port);
    });
  });
