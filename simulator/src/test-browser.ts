import { spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CHROMIUM = process.env["CHROMIUM_PATH"] ?? "/usr/lib/chromium/chromium-headless-shell";
/** `nobody`: Chromium refuses to run as root with its sandbox on. */
const UNPRIVILEGED = 65_534;

/** A folder that Chromium can keep a login in; removed by `remove`. */
export const createProfile = async () => {
  const path = await mkdtemp(join(tmpdir(), "simulator-profile-"));
  if (process.getuid?.() === 0) await chown(path, UNPRIVILEGED, UNPRIVILEGED);
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
};

/** A real Chromium on that profile, led to the simulator by `args`. */
export const launchBrowser = async (profilePath: string, args: string[]) => {
  const command = [CHROMIUM, `--user-data-dir=${profilePath}`, "--remote-debugging-port=0", ...args];
  if (process.getuid?.() === 0) {
    command.unshift("setpriv", "--reuid", `${UNPRIVILEGED}`, "--regid", `${UNPRIVILEGED}`, "--clear-groups");
  }
  const [executable = "", ...rest] = command;
  const child = spawn(executable, rest, {
    env: { ...process.env, HOME: profilePath },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit");

  const wsEndpoint = new Promise<string>((resolve, reject) => {
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const [, address] = /DevTools listening on (ws:\S+)/.exec(said) ?? [];
      if (address !== undefined) resolve(address);
    });
    child.once("error", reject).once("exit", () => reject(new Error(`Chromium ended at once: ${said}`)));
  });

  return {
    wsEndpoint: await wsEndpoint,
    exited,
    /** Ends it with this signal, and waits until it is gone. */
    end: async (signal: "SIGTERM" | "SIGKILL") => {
      child.kill(signal);
      await exited;
    },
  };
};
