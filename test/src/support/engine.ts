import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Simulator } from "@whatsapp-engine/simulator";
import { createApi, type Api } from "./api.ts";
import { oddEvent } from "./events.ts";
import { makeDataFolder } from "./data-folder.ts";
import { hostSeenByContainers, removeInstallation } from "./docker.ts";
import { processesWith } from "./processes.ts";
import { startProgram, type Program, type Settings } from "./program.ts";
import { stubSettings } from "./stub.ts";
import { until } from "./until.ts";

export type RuntimeKind = "process" | "docker";

export type EngineOptions = {
  runtime: RuntimeKind;
  /** Where its browsers find WhatsApp; without one they find nothing. For Docker it listens on 0.0.0.0. */
  simulator?: Simulator;
  /** Its runners have no browser, and say of each message at once that it was sent. Process runtime only. */
  stubs?: boolean;
  settings?: Settings;
  /** Its first start is in a terminal, which `kill("SIGKILL")` closes. */
  terminal?: boolean;
  /** Arguments of Node before the program. */
  nodeArgs?: readonly string[];
  /** Where another build of the project stands; left out: this one. */
  folder?: string;
};

export type Engine = {
  readonly url: string;
  readonly pid: number;
  readonly runtime: RuntimeKind;
  readonly dataDir: string;
  readonly apiKey: string;
  readonly installId: string;
  readonly api: Api;
  /** All that its programs wrote, every restart included. */
  output(): string;
  /** Ends the program by a signal; what it left running stays. Answers its exit code. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
  /** Starts the program again on the same data folder; ends it before, if it runs. */
  restart(settings?: Settings): Promise<void>;
  /** Ends it and removes all that it ever made. */
  stop(): Promise<void>;
};

/** What a stopped engine gets before it counts as hung: its own time for running calls, and its runners'. */
const STOP_TIMEOUT_MS = 40_000;

/** The real control plane, as a program of its own, on a data folder of its own. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { runtime, simulator, stubs = false, settings = {}, terminal = false, nodeArgs = [] } = options;
  const folder = makeDataFolder();
  const { dataDir } = folder;
  const apiKey = randomBytes(24).toString("base64url");
  const browserArgs = !simulator
    ? ["--host-resolver-rules=MAP * ~NOTFOUND"]
    : simulator.browserArgs(runtime === "docker" ? await hostSeenByContainers() : undefined);
  const base: Settings = {
    DATA_DIR: dataDir,
    RUNTIME: runtime,
    API_KEY: apiKey,
    PORT: "0",
    RATE_LIMIT_PER_MINUTE: "0",
    // A browser that looks which WhatsApp Web is served only where a test is about that.
    WHATSAPP_LOOK_SECONDS: "0",
    // What other files' browsers take of the machine meanwhile is no reason to refuse a session.
    MIN_FREE_MEMORY_MB: "0",
    RUNNER_BROWSER_ARGS: JSON.stringify(browserArgs),
    ...(stubs && stubSettings),
    ...settings,
  };
  const programs: Program[] = [];
  let url = "";

  async function start(more: Settings = {}) {
    const inTerminal = terminal && programs.length === 0;
    const program = startProgram({
      cwd: folder.path,
      settings: { ...base, ...more },
      nodeArgs,
      terminal: inTerminal,
      folder: options.folder,
    });
    programs.push(program);
    const [line] = await program.says(/^\{.*"msg":"engine started".*\}$/m);
    url = (JSON.parse(line) as { url: string }).url;
  }

  async function kill(signal: NodeJS.Signals): Promise<number | null> {
    const program = programs.at(-1);
    if (!program) return null;
    if (program.running) program.kill(signal);
    const { code } = await program.ended;
    return code;
  }

  async function remove() {
    await until("runners and browsers of a stopped engine to end", () => processesWith(dataDir).length === 0);
    const install = join(dataDir, "install.json");
    if (runtime === "docker" && existsSync(install)) await removeInstallation(installIdOf(dataDir));
    folder.remove();
  }

  try {
    await start();
  } catch (error) {
    await kill("SIGKILL");
    await remove();
    throw error;
  }

  return {
    get url() {
      return url;
    },
    get pid() {
      return programs.at(-1)?.pid ?? 0;
    },
    runtime,
    dataDir,
    apiKey,
    installId: installIdOf(dataDir),
    api: createApi(() => url, apiKey),
    output: () => programs.map((program) => program.stdout() + program.stderr()).join(""),
    kill,
    async restart(more) {
      await kill("SIGTERM");
      await start(more);
    },
    async stop() {
      const last = programs.at(-1);
      const fallen = last?.running === false ? (await last.ended).code : null;
      const hung = setTimeout(() => programs.at(-1)?.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await kill("SIGTERM");
      clearTimeout(hung);
      const odd = oddEvent(dataDir);
      await remove();
      // No test waits for this, and what fails after it says nothing of the cause.
      if (fallen === 1) throw new Error(`The engine fell over: ${last!.stderr().slice(-4_000)}`);
      if (odd !== null) throw new Error(`An event is not as the contract says: ${odd}`);
    },
  };
}

const installIdOf = (dataDir: string): string =>
  (JSON.parse(readFileSync(join(dataDir, "install.json"), "utf8")) as { installId: string }).installId;
