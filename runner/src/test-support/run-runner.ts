import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  encodeSend,
  RUNNER_BEGIN,
  runnerListeningSchema,
  streamLineSchema,
  type RunnerState,
  type SendCommand,
  type SendRecord,
  type StreamLine,
} from "@whatsapp-engine/contract/runner";

/** The built runner: tests run what is shipped, as the process it will be. */
const entry = fileURLToPath(new URL("../../build/main.js", import.meta.url));
const token = "token-of-a-runner-under-test";
/** An unprivileged user that owns nothing else on the machine. */
export const RUNNER_UID = 20_123;

export type RunnerUnderTest = {
  readonly process: ChildProcess;
  readonly port: number;
  /** States in the order the stream told them. */
  readonly states: RunnerState[];
  readonly lines: StreamLine[];
  /** All it wrote, its log first of all. */
  output(): string;
  get(path: string): Promise<Response>;
  post(path: string, body?: unknown): Promise<Response>;
  send(command: Partial<SendCommand> & { to: string }): Promise<SendRecord>;
  /** Resolves with the first line, told already or told in time, that fits. */
  line(fits: (line: StreamLine) => boolean, timeoutMs?: number): Promise<StreamLine>;
  state(fits: (state: RunnerState) => boolean, timeoutMs?: number): Promise<RunnerState>;
  /** Ends it in order; resolves with its exit code. */
  stop(): Promise<number | null>;
  /** Ends it hard, if it still runs; its browser ends with it. */
  kill(): Promise<void>;
};

export const makeProfileDir = async (): Promise<{ dir: string; remove: () => Promise<void> }> => {
  const dir = await mkdtemp(join(tmpdir(), "runner-test-"));
  if (process.getuid?.() === 0) await chown(dir, RUNNER_UID, RUNNER_UID);
  return { dir, remove: () => rm(dir, { recursive: true, force: true, maxRetries: 5 }) };
};

type Options = {
  profileDir: string;
  browserArgs: readonly string[];
  env?: Record<string, string>;
  /** Another copy of the runner. */
  program?: string;
};

/** Starts a runner as the process runtime does, and follows its stream. */
export const runRunner = async ({
  profileDir,
  browserArgs,
  env = {},
  program = entry,
}: Options): Promise<RunnerUnderTest> => {
  const child = fork(program, {
    execArgv: [],
    silent: true,
    env: {
      PATH: process.env["PATH"],
      RUNNER_ID: "runner-under-test",
      RUNNER_PROFILE_ID: "profile-under-test",
      RUNNER_TOKEN: token,
      RUNNER_PROFILE_DIR: profileDir,
      RUNNER_PORT: "0",
      RUNNER_BROWSER_ARGS: JSON.stringify(browserArgs),
      ...(process.env["CHROMIUM_PATH"] !== undefined && {
        RUNNER_CHROMIUM_PATH: process.env["CHROMIUM_PATH"],
      }),
      RUNNER_LOG_LEVEL: process.env["RUNNER_LOG_LEVEL"] ?? "error",
      ...(process.getuid?.() === 0 && { RUNNER_UID: String(RUNNER_UID) }),
      ...env,
    },
  });
  child.send(RUNNER_BEGIN);
  let output = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (process.env["RUNNER_LOG_LEVEL"] !== undefined) process.stderr.write(text);
    });
  }
  const exited = once(child, "exit") as Promise<[number | null, string | null]>;
  const [message] = (await Promise.race([
    once(child, "message"),
    exited.then(([code]) => Promise.reject(new Error(`The runner ended with exit code ${code}: ${output}`))),
  ])) as [unknown];
  const { port } = runnerListeningSchema.parse(message).listening;

  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const call = (method: string, path: string, body?: unknown) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
    });

  const lines: StreamLine[] = [];
  const states: RunnerState[] = [];
  const listeners = new Set<() => void>();
  void follow(await call("GET", "/events?after=0"), (line) => {
    lines.push(line);
    if (line.line === "state") states.push(line.state);
    for (const listener of listeners) listener();
  });

  const line: RunnerUnderTest["line"] = (fits, timeoutMs = 15_000) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = lines.find(fits);
        if (found === undefined) return;
        clearTimeout(timer);
        listeners.delete(look);
        resolve(found);
      };
      const timer = setTimeout(() => {
        listeners.delete(look);
        const told = states.map(({ status, reason, detail }) => `${status}/${reason} (${detail})`).join(", ");
        reject(new Error(`The line waited for did not come. States: ${told}`));
      }, timeoutMs);
      listeners.add(look);
      look();
    });

  let messages = 0;
  return {
    process: child,
    port,
    lines,
    states,
    output: () => output,
    get: (path) => call("GET", path),
    post: (path, body) => call("POST", path, body),
    send: async (command) => {
      messages += 1;
      const whole: SendCommand = {
        messageId: `m${messages}`,
        attempt: 1,
        type: "text",
        text: null,
        content: null,
        media: null,
        timeoutMs: 5_000,
        ...command,
      };
      return (await (await call("POST", "/send", encodeSend(whole))).json()) as SendRecord;
    },
    line,
    state: async (fits, timeoutMs) => {
      const found = await line((one) => one.line === "state" && fits(one.state), timeoutMs);
      return (found as Extract<StreamLine, { line: "state" }>).state;
    },
    stop: async () => {
      child.kill("SIGTERM");
      return (await exited)[0];
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
};

/** Reads an NDJSON answer to its end, whatever ends it. */
const follow = async (response: Response, onLine: (line: StreamLine) => void): Promise<void> => {
  let rest = "";
  try {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop()!;
      for (const part of parts) onLine(streamLineSchema.parse(JSON.parse(part)));
    }
  } catch {
    // the runner ended
  }
};
