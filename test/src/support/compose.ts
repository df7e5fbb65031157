import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe } from "vitest";
import { createApi, type Api } from "./api.ts";
import { docker } from "./docker.ts";
import { onDocker } from "./runtimes.ts";
import { until } from "./until.ts";

const repository = join(import.meta.dirname, "../../..");
const ofProject = (name: string) => ["--filter", `label=com.docker.compose.project=${name}`];

/** The shipped `docker-compose.yml` as a project of its own, with a port and a data volume of its own. */
export type Compose = {
  readonly api: Api;
  /** With everything that Compose says, if it fails. */
  run(...args: string[]): Promise<void>;
  /** Runs shell commands as a document has them, `docker compose` being this project, in a folder of its own; returns what they print. */
  shell(script: string): Promise<string>;
  /** Changes settings of the environment, from the next `run` on. */
  set(settings: Readonly<Record<string, string>>): void;
  /** What the engine's container says of its health. */
  health(): Promise<string>;
  /** Starts it as the README says, in the background; resolves when the API answers. */
  up(): Promise<void>;
  installId(): Promise<string>;
  /** Ids and names of what the project has: containers, ended ones too, volumes and networks. */
  parts(): Promise<string[]>;
  /** Takes it down with its volume; runners that it still has stay. */
  remove(): Promise<void>;
};

/** Version 2 as the Docker client's plugin, or else version 1; undefined without either. */
const command = [["docker", "compose"], ["docker-compose"]].find(
  ([program = "", ...args]) => spawnSync(program, [...args, "version"], { timeout: 20_000 }).status === 0,
);

/** Promises of the Compose file. `npm run setup` does not install Compose; CI does, and fails without it. */
export function onCompose(name: string, suite: () => void): void {
  if (command) return onDocker(name, suite);
  const why = "there is no Docker Compose here; Debian's package is docker-compose";
  if (process.env["CI"] !== undefined) throw new Error(why);
  console.warn(`\n!!! THE COMPOSE SUITE DID NOT RUN: ${why}\n`);
  describe.skip(`${name} (NOT RUN: ${why})`, suite);
}

/**
 * `settings` as in the environment, `envText` as in the file `.env`. One that stands beside the Compose file, which Compose
 * would read, is left out.
 */
export async function createCompose(
  settings: Readonly<Record<string, string>>,
  envText = "",
): Promise<Compose> {
  const [program = "", ...prefix] = command ?? [];
  const name = `wae-test-${randomBytes(4).toString("hex")}`;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "compose-test-"));
  const envFile = join(folder, ".env");
  writeFileSync(envFile, envText);
  const apiKey = randomBytes(24).toString("base64url");
  const { PATH, HOME, DOCKER_HOST, DOCKER_CONFIG, RUNNER_IMAGE } = process.env;
  const environment: NodeJS.ProcessEnv = {
    PATH,
    HOME,
    DOCKER_HOST,
    DOCKER_CONFIG,
    RUNNER_IMAGE,
    DOCKER_SOCKET: DOCKER_HOST === undefined ? undefined : new URL(DOCKER_HOST).pathname,
    // The builder that the runner image is built with: what both share is built once.
    DOCKER_BUILDKIT: "0",
    PORT: String(port),
    API_KEY: apiKey,
    ...settings,
  };
  const api = createApi(() => `http://127.0.0.1:${port}`, apiKey);

  async function run(...args: string[]): Promise<void> {
    const line = [...prefix, "--project-name", name, "--env-file", envFile, ...args];
    const maxBuffer = 64 * 1024 * 1024;
    await promisify(execFile)(program, line, { cwd: repository, env: environment, maxBuffer });
  }

  /** Version 1 is another program than the client's plugin, which documents name. */
  const asDocumented = `docker() {
    if [ "$1" = compose ]; then
      shift
      command ${command?.join(" ")} --project-name ${name} --env-file ${envFile} --project-directory ${repository} --file ${repository}/docker-compose.yml "$@"
    else command docker "$@"; fi
  }`;
  async function shell(script: string): Promise<string> {
    const line = ["-euo", "pipefail", "-c", `${asDocumented}\n${script}`];
    return (await promisify(execFile)("bash", line, { cwd: folder, env: environment })).stdout;
  }

  async function engineContainer(): Promise<string> {
    const service = ["--filter", "label=com.docker.compose.service=engine"];
    const [container = ""] = await docker("ps", "--quiet", ...ofProject(name), ...service);
    return container;
  }

  return {
    api,
    run,
    shell,
    set: (more) => void Object.assign(environment, more),
    async health() {
      const format = "{{.State.Health.Status}}";
      return (await docker("inspect", "--format", format, await engineContainer())).join("");
    },
    async up() {
      await run("up", "--detach", "--no-build");
      await until("the engine to be ready", () =>
        api("GET /health/ready").then(
          ({ status }) => status === 200,
          () => false,
        ),
      );
    },
    async installId() {
      const text = (await docker("exec", await engineContainer(), "cat", "/data/install.json")).join("");
      return (JSON.parse(text) as { installId: string }).installId;
    },
    async parts() {
      const parts = await Promise.all([
        docker("ps", "--all", "--quiet", ...ofProject(name)),
        docker("volume", "ls", "--quiet", ...ofProject(name)),
        docker("network", "ls", "--quiet", ...ofProject(name)),
      ]);
      return parts.flat();
    },
    async remove() {
      await run("down", "--volumes");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
