import { execFile, spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { endOnProfiles } from "@whatsapp-engine/processes";
import { within } from "../deadline.ts";
import type { Logger } from "../logger.ts";
import { browserArguments } from "./browser-args.ts";

/** A Chromium of ours. It stays in the runner's process group. */
export type BrowserProcess = {
  /** DevTools address on loopback, once they answer; rejects with an error that says what to mend. */
  readonly endpoint: Promise<string>;
  readonly userAgent: string;
  /** Resolves when the browser and every process it started have ended; says how. */
  readonly ended: Promise<string>;
  /** Ends it hard. Resolves when nothing of it is left, as far as the kernel can tell in a few seconds. */
  kill(): Promise<void>;
};

type Options = {
  executable: string;
  /** Chromium's profile. */
  userDataDir: string;
  extraArgs: readonly string[];
  /** Whether the kernel must end it with the runner: so where no container does. */
  dieWithRunner: boolean;
  /** What must be done before; meanwhile it is found out which Chromium it is. */
  prepare: () => Promise<void>;
  signal: AbortSignal;
  log: Logger;
};

/** Longest wait for the helpers of a browser that was killed: they end when it no longer answers them. */
const KILL_MS = 5_000;

/** Starts Chromium. Throws an error that says what to mend. */
export const launchBrowser = async (options: Options): Promise<BrowserProcess> => {
  const { executable, userDataDir, prepare, signal, log } = options;
  refuseRoot();
  const [userAgent] = await Promise.all([userAgentOf(executable, signal), prepare()]);
  signal.throwIfAborted();
  const [command, ...args] = commandLine(options, userAgent);
  const child = spawn(command!, args, {
    // Nothing of the runner's environment: its token stands there.
    env: {
      PATH: process.env["PATH"],
      HOME: userDataDir,
      TMPDIR: "/tmp",
      // Otherwise a page that makes sound leaves a folder in /tmp.
      PULSE_RUNTIME_PATH: join(userDataDir, "pulse"),
      LANG: "C.UTF-8",
    },
    stdio: ["ignore", "ignore", "pipe"],
  });

  // "close" comes once nobody holds its stderr any more: the helpers that Chromium started hold it too.
  const ended = new Promise<string>((resolve) => {
    child.once("error", (cause) => resolve(cause.message));
    child.once("close", (code, killer) =>
      resolve(killer === null ? `exit code ${code}` : `signal ${killer}`),
    );
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    // Where `executable` is a script, what it started is none of our children.
    await clearProfile(userDataDir, 0).catch((cause: unknown) =>
      log.error({ err: cause }, "a browser is left"),
    );
    await within(KILL_MS, ended);
  };
  const abort = () => void kill();
  signal.addEventListener("abort", abort);
  void ended.then(() => signal.removeEventListener("abort", abort));

  return { endpoint: devToolsAddress(child, ended, log), userAgent, ended, kill };
};

/** Ends every browser that is on this folder, whoever started it. Throws an error that says what to end where one may stay. */
export const clearProfile = (userDataDir: string, graceMs?: number): Promise<number> =>
  endOnProfiles([{ folder: userDataDir, userDataDir }], graceMs === undefined ? {} : { graceMs });

const commandLine = (options: Options, userAgent: string): string[] => {
  const { executable, userDataDir, extraArgs, dieWithRunner } = options;
  const chromium = [executable, ...browserArguments({ userDataDir, userAgent, extraArgs })];
  return dieWithRunner ? ["setpriv", "--pdeathsig=KILL", "--", ...chromium] : chromium;
};

const refuseRoot = (): void => {
  if (process.getuid?.() === 0)
    throw new Error("Chromium does not run as root: set RUNNER_UID to an unprivileged user's id.");
};

/** What a Chrome of the same version says of itself on Linux: without the word "Headless". */
const userAgentOf = async (executable: string, signal: AbortSignal): Promise<string> => {
  const asking = promisify(execFile)(executable, ["--version"], { signal, killSignal: "SIGKILL" });
  const { child } = asking;
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const { stdout } = await asking.catch(async (cause: NodeJS.ErrnoException) => {
    // Where the signal ended it, the promise does not wait for it to be gone.
    if (child.pid !== undefined) await within(KILL_MS, closed);
    const reason = cause.code === "ENOENT" ? "there is no such file" : cause.message;
    throw new Error(`Chromium cannot be started from ${executable}: ${reason}.`, { cause });
  });
  const major = /\b(\d+)\.\d+\.\d+/.exec(stdout)?.[1];
  if (major === undefined) throw new Error(`${executable} does not say its version; it is no Chromium.`);
  return `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36`;
};

/** How many of Chromium's last words are kept to explain a start that failed. */
const LAST_WORDS = 5;

const devToolsAddress = (child: ChildProcess, ended: Promise<string>, log: Logger): Promise<string> =>
  new Promise((resolve, reject) => {
    const lastWords: string[] = [];
    createInterface({ input: child.stderr! }).on("line", (line) => {
      log.debug({ line }, "chromium");
      const address = /^DevTools listening on (ws:\/\/\S+)/.exec(line)?.[1];
      if (address !== undefined) resolve(address);
      lastWords.push(line);
      if (lastWords.length > LAST_WORDS) lastWords.shift();
    });
    void ended.then((how) => reject(new Error(whyItEnded(how, lastWords))));
  });

const whyItEnded = (how: string, lastWords: readonly string[]): string => {
  const words = lastWords.join(" ");
  if (words.includes("No usable sandbox")) {
    return "Chromium's sandbox is forbidden here: the kernel or the container's seccomp profile denies user namespaces.";
  }
  return `Chromium ended before it was ready (${how}). ${words}`.trim();
};
