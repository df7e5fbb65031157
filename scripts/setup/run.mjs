import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Something that only the operator can mend; its message is one sentence, and all that is shown. */
export class SetupError extends Error {}

export const say = (text) => console.log(`\n\u001b[1m==> ${text}\u001b[0m`);
export const note = (text) => console.log(`    ${text}`);

const isRoot = process.getuid?.() === 0;

/**
 * Runs a command whose output the user sees; rejects if it fails. `asRoot` puts sudo before it where needed; `label`
 * stands before each line of what runs beside something else.
 */
export const run = async (command, args, { asRoot = false, env = {}, label } = {}) => {
  // sudo has its own idea of the environment; Node may stand in a folder that only our PATH knows.
  const kept = { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS, ...env };
  const line =
    asRoot && !isRoot ? ["sudo", "env", ...assignments(kept), command, ...args] : [command, ...args];
  const output = label === undefined ? "inherit" : "pipe";
  const child = spawn(line[0], line.slice(1), {
    cwd: root,
    stdio: ["inherit", output, output],
    env: { ...process.env, ...env },
  });
  for (const stream of [child.stdout, child.stderr])
    if (stream) createInterface({ input: stream }).on("line", (text) => console.log(`${label} | ${text}`));
  const [status] = await once(child, "close").catch((error) => {
    throw new SetupError(`${line[0]} could not be run: ${error.message}.`);
  });
  if (status !== 0) throw new SetupError(`This command failed, see its output above: ${line.join(" ")}`);
};

/** Runs a command quietly and tells how it went. */
export const ask = (command, args, { timeoutMs = 20_000, env = {} } = {}) => {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    env: { ...process.env, ...env },
  });
  return { ok: status === 0, stdout: (stdout ?? "").trim(), stderr: (stderr ?? "").trim() };
};

export const hasCommand = (name) => ask("sh", ["-c", `command -v ${name}`]).ok;

/**
 * Runs a command whose output the user sees, and gives up if it has said nothing `silenceMs` after its start.
 * Resolves to whether it succeeded.
 */
export const runUnlessSilent = (command, args, silenceMs) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), silenceMs);
    child.stdout.once("data", () => clearTimeout(timer));
    child.stdout.pipe(process.stdout);
    child.stderr.pipe(process.stderr);
    child.once("error", () => resolve(false));
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });

const assignments = (env) =>
  Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
