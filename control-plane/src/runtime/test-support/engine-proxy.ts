import { rmSync } from "node:fs";
import { type Server, type Socket, connect, createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A way to the engine that can be cut and mended, so that a test need not stop the engine itself. */
export const createEngineProxy = async () => {
  const path = join(tmpdir(), `engine-proxy-${process.pid}-${Date.now()}.sock`);
  const sockets = new Set<Socket>();
  let server: Server;
  let silent = false;

  const listen = async () => {
    server = createServer((client) => {
      const engine = connect("/var/run/docker.sock");
      for (const [from, to] of [
        [client, engine],
        [engine, client],
      ] as const) {
        sockets.add(from);
        from.on("data", (chunk) => {
          if (!silent) to.write(chunk);
        });
        from.on("error", () => {});
        from.on("close", () => {
          sockets.delete(from);
          to.destroy();
        });
      }
    }).listen(path);
    await once(server, "listening");
  };
  const cut = async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
    rmSync(path, { force: true });
  };

  await listen();
  return {
    dockerHost: `unix://${path}`,
    cut,
    mend: listen,
    /** Connections stay open and nothing comes through: an engine that hangs. */
    silence: (value: boolean) => {
      silent = value;
    },
  };
};
