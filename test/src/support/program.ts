import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ourFolder = fileURLToPath(new URL("../../..", import.meta.url));
/** What an engine needs of our own environment; its settings are the test's. */
const HANDED_ON = ["PATH", "LANG", "TZ", "DOCKER_HOST", "CHROMIUM_PATH", "RUNNER_IMAGE"];

export type Settings = Readonly<Record<string, string>>;

/** One run of the engine's program. */
export type Program = {
  readonly pid: number;
  /** All it wrote, until now. */
  stdout(): string;
  stderr(): string;
  /** Resolves when it ended and all it wrote was read. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly running: boolean;
  /** Resolves with the first match in stdout; fails if the program ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
};

export type ProgramOptions = {
  cwd: string;
  settings: Settings;
  /** Arguments of Node before the program. */
  nodeArgs?: readonly string[];
  /** In a terminal of its own. What is signalled then is the terminal; SIGKILL closes it. */
  terminal?: boolean;
  /** Where another build of the project stands; left out: this one. */
  folder?: string | undefined;
};

/** What `npm start` of a build gives Node before the program. */
function argsOfStart(folder: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    scripts: { start: string };
  };
  const args = /exec node (.*)control-plane\/build\/main\.js$/.exec(scripts.start)?.[1];
  if (args === undefined) throw new Error(`npm start of ${folder} starts something else: ${scripts.start}`);
  return args.split(" ").filter((arg) => arg !== "");
}

/** Starts `control-plane/build/main.js` in a folder without a `.env`. With TEST_LOG_DIR its output is kept there. */
export function startProgram(options: ProgramOptions): Program {
  const handedOn = HANDED_ON.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  const folder = options.folder ?? ourFolder;
  const entry = join(folder, "control-plane/build/main.js");
  const line = [process.execPath, ...argsOfStart(folder), ...(options.nodeArgs ?? []), entry];
  const quoted = line.map((part) => `'${part}'`).join(" ");
  const inTerminal = ["script", "--quiet", "--flush", "--command", `exec ${quoted}`, "/dev/null"];
  const [command = "", ...args] = options.terminal === true ? inTerminal : line;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...Object.fromEntries(handedOn), ...options.settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const logFolder = process.env["TEST_LOG_DIR"];
  if (logFolder !== undefined) {
    const log = createWriteStream(join(logFolder, `engine-${child.pid}.log`));
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.once("close", () => log.end());
  }
  let running = true;
  const ended = once(child, "close").then(([code, signal]) => {
    running = false;
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });

  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    get running() {
      return running;
    },
    kill: (signal) => void child.kill(signal),
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(stdout);
          if (match === null) return;
          child.stdout.off("data", look);
          resolve(match);
        };
        child.stdout.on("data", look);
        look();
        void ended.then(({ code, signal }) =>
          reject(
            new Error(`The engine ended (${code ?? signal}) before it said ${pattern}: ${stderr}${stdout}`),
          ),
        );
      }),
  };
}
