import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { until } from "./until.ts";

const run = promisify(execFile);

/** A Docker engine that nobody else uses, so that a test may stop it. */
export type PrivateDocker = {
  /** For `DOCKER_HOST`. */
  readonly host: string;
  /** Resolves when it answers; does nothing if it runs. */
  start(): Promise<void>;
  /** SIGTERM, as by an operator or a reboot; resolves when it has ended, and its containers before it. */
  stop(): Promise<void>;
  /** Ends it and removes all it has. */
  remove(): Promise<void>;
};

/** Addresses set aside for measurements (RFC 2544), which no machine's networks and no other Docker engine use. */
const MACHINE_END = "198.18.0.1";
const ENGINE_END = "198.18.0.2";
const CONTAINERS = "198.19.0.0/16";

const ANSWERS_WITHIN_MS = 60_000;
/** The engine itself gives containers their own stop timeout, 30 s, and some more. */
const STOPS_WITHIN_MS = 60_000;

/**
 * Starts an engine beside the machine's own, with an image of that one. It lives in a network namespace, since the way it
 * starts and ends is to delete bridges (docker0 of all) and rules of the packet filter that it takes for its own.
 * Its containers reach this machine at every address it has, and are reached from it. `bitsOfNetwork`: how large each network's part of
 * the addresses is; with 16, docker0 has them all.
 */
export async function startPrivateDocker(image: string, { bitsOfNetwork = 24 } = {}): Promise<PrivateDocker> {
  const folder = mkdtempSync(join(tmpdir(), "private-docker-"));
  const name = `wae-${randomBytes(4).toString("hex")}`;
  const host = `unix://${join(folder, "docker.sock")}`;
  const logFile = join(folder, "dockerd.log");
  const settings = join(folder, "daemon.json");
  writeFileSync(settings, "{}");
  const flags = {
    "config-file": settings,
    "data-root": join(folder, "data"),
    "exec-root": join(folder, "exec"),
    pidfile: join(folder, "dockerd.pid"),
    host,
    "default-address-pool": `base=${CONTAINERS},size=${bitsOfNetwork}`,
    // The machine forwards to the containers by a plain route.
    iptables: "false",
    ip6tables: "false",
    "ip-masq": "false",
    // Where containerd is a service of the machine, all engines share it.
    "containerd-namespace": name,
    "containerd-plugins-namespace": `${name}-plugins`,
  };
  let engine: ChildProcess | undefined;
  const running = () => engine?.exitCode === null && engine.signalCode === null;

  async function start() {
    if (running()) return;
    const log = openSync(logFile, "a");
    const line = ["dockerd", ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
    const started = spawn("nsenter", [`--net=/run/netns/${name}`, ...line], { stdio: ["ignore", log, log] });
    closeSync(log);
    engine = started;
    await once(started, "spawn");
    await until(
      "a private Docker engine to answer",
      () => {
        if (!running()) throw new Error(`dockerd ended at once: ${readFileSync(logFile, "utf8")}`);
        return run("docker", ["--host", host, "version"]).then(
          () => true,
          () => false,
        );
      },
      { timeoutMs: ANSWERS_WITHIN_MS, seen: () => readFileSync(logFile, "utf8").split("\n").slice(-5) },
    );
  }

  async function stop() {
    if (!engine || !running()) return;
    const ended = once(engine, "exit");
    engine.kill("SIGTERM");
    const hung = setTimeout(() => engine?.kill("SIGKILL"), STOPS_WITHIN_MS);
    const [, signal] = await ended;
    clearTimeout(hung);
    if (signal === "SIGKILL") throw new Error(`dockerd did not end within ${STOPS_WITHIN_MS} ms of SIGTERM`);
  }

  async function remove() {
    await stop();
    // Its end of the pair takes the machine's end and the route along.
    await run("ip", ["netns", "delete", name]).catch(() => undefined);
    for (const mount of mountsBelow(folder)) await run("umount", [mount]);
    rmSync(folder, { recursive: true, force: true });
  }

  try {
    await connectNetwork(name);
    await start();
    await copyImage(image, host);
  } catch (error) {
    await remove();
    throw error;
  }
  return { host, start, stop, remove };
}

/** A network namespace joined to the machine by a pair of interfaces; the machine's end is called as the namespace is. */
async function connectNetwork(name: string): Promise<void> {
  const ip = (line: string) => run("ip", line.split(" "));
  await ip(`netns add ${name}`);
  await ip(`link add ${name} type veth peer name eth0 netns ${name}`);
  await ip(`address add ${MACHINE_END} peer ${ENGINE_END} dev ${name}`);
  await ip(`link set ${name} up`);
  await ip(`-n ${name} address add ${ENGINE_END} peer ${MACHINE_END} dev eth0`);
  await ip(`-n ${name} link set eth0 up`);
  await ip(`-n ${name} link set lo up`);
  await ip(`-n ${name} route add default via ${MACHINE_END}`);
  await ip(`route add ${CONTAINERS} via ${ENGINE_END}`);
}

async function copyImage(image: string, host: string): Promise<void> {
  const save = spawn("docker", ["save", image], { stdio: ["ignore", "pipe", "inherit"] });
  const load = spawn("docker", ["--host", host, "load"], { stdio: ["pipe", "ignore", "inherit"] });
  const ended = Promise.all([once(save, "exit"), once(load, "exit")]);
  await pipeline(save.stdout, load.stdin);
  if ((await ended).some(([code]) => code !== 0)) throw new Error(`The image ${image} could not be copied`);
}

/** An engine leaves the mount of its network namespace behind. Deepest first. */
const mountsBelow = (folder: string): string[] =>
  readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .toReversed();
