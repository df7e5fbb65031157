import { spawn } from "node:child_process";
import { existsSync, openSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { installPackages } from "./packages.mjs";
import { SetupError, ask, hasCommand, note, run, say } from "./run.mjs";

const START_TIMEOUT_MS = 30_000;
const LOG_FILE = "/var/log/dockerd.log";

const engineVersion = () => ask("docker", ["version", "--format", "{{.Server.Version}}"]);

/** Sees to a Docker engine that answers: installs it, starts it. Throws a `SetupError` where that cannot be. */
export const ensureEngine = async (options) => {
  if (
    !hasCommand("docker") ||
    (!engineVersion().ok && !hasCommand("/usr/sbin/dockerd") && !hasCommand("dockerd"))
  ) {
    const cli = ask("apt-cache", ["policy", "docker-cli"]);
    const packages = /Candidate: (?!\(none\))/.test(cli.stdout) ? ["docker.io", "docker-cli"] : ["docker.io"];
    await installPackages(packages, "the Docker engine", options);
  }
  const version = engineVersion();
  if (version.ok) return note(`Docker engine: ${version.stdout}`);
  if (/permission denied/i.test(version.stderr))
    throw new SetupError(
      "The Docker engine runs, but you may not use it: run sudo usermod -aG docker $USER and log in again, or run this as root.",
    );
  if (process.env.DOCKER_HOST)
    throw new SetupError(`The Docker engine at DOCKER_HOST ${process.env.DOCKER_HOST} does not answer.`);
  if (!options.install) throw new SetupError("The Docker engine is installed but does not run; start it.");
  await startEngine();
};

const startEngine = async () => {
  say("Starting the Docker engine");
  const ways = [
    {
      when: existsSync("/run/systemd/system"),
      start: () => run("systemctl", ["start", "docker"], { asRoot: true }),
    },
    {
      when: existsSync("/etc/init.d/docker"),
      start: () => run("service", ["docker", "start"], { asRoot: true }),
    },
    { when: process.getuid?.() === 0, start: startInBackground },
  ];
  for (const way of ways.filter(({ when }) => when)) {
    try {
      await way.start();
    } catch (error) {
      note(error.message);
      continue;
    }
    if (await answers()) return note(`Docker engine: ${engineVersion().stdout}`);
  }
  throw new SetupError(
    `The Docker engine could not be started; its log (${LOG_FILE} or journalctl -u docker) says why.`,
  );
};

/** Without an init system: a process of its own, which stays when this one ends. */
const startInBackground = () => {
  note(`dockerd in the background, log in ${LOG_FILE}`);
  const log = openSync(LOG_FILE, "a");
  const child = spawn("dockerd", [], { detached: true, stdio: ["ignore", log, log] });
  child.on("error", () => {});
  child.unref();
};

const answers = async () => {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (engineVersion().ok) return true;
    await delay(300);
  }
  return false;
};
