import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The Docker engine's socket as a switch: cut, every call fails and every stream breaks, as if the engine were stopped. */
export type DockerProxy = {
  /** For `DOCKER_HOST`. */
  readonly host: string;
  cut(): Promise<void>;
  restore(): Promise<void>;
  close(): Promise<void>;
};

export async function startDockerProxy(): Promise<DockerProxy> {
  const folder = mkdtempSync(join(tmpdir(), "docker-proxy-"));
  const path = join(folder, "docker.sock");
  const target = new URL(process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock").pathname;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const engine = connect(target);
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });

  async function restore() {
    server.listen(path);
    await once(server, "listening");
  }
  async function cut() {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  await restore();
  return {
    host: `unix://${path}`,
    cut,
    restore,
    async close() {
      await cut();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
