import { createCertificate, HOST_NAME } from "./certificate.ts";
import { createControl, type Control } from "./control.ts";
import { startControlServer } from "./control-server.ts";
import { startWebServer } from "./web-server.ts";
import type { Build } from "./builds.ts";
import { createWorld } from "./world.ts";

export type SimulatorOptions = {
  /** Where browsers connect to; loopback by default. A container reaches its bridge's gateway, or 0.0.0.0 behind it. */
  host?: string;
  /** 0, the default, picks a free port. */
  port?: number;
  controlPort?: number;
  /** Which WhatsApp Web is played, by default the newest. */
  build?: Build;
};

export type Simulator = {
  port: number;
  control: Control;
  /** The same functions over HTTP, on loopback only. */
  controlUrl: string;
  /** Arguments that lead a Chromium here and nowhere else; it needs a `--user-data-dir` to accept the certificate. */
  browserArgs(hostSeenByBrowser?: string): string[];
  close(): Promise<void>;
};

/** Starts a WhatsApp Web of its own, without a network. */
export const startSimulator = async (options: SimulatorOptions = {}): Promise<Simulator> => {
  const { host = "127.0.0.1", port = 0, controlPort = 0, build } = options;
  const certificate = await createCertificate();
  const world = createWorld(build);
  const control = createControl(world);
  const web = await startWebServer(world, { host, port, certificate });
  const controlServer = await startControlServer(control, controlPort);

  return {
    port: web.port,
    control,
    controlUrl: controlServer.url,
    browserArgs: (hostSeenByBrowser = host === "0.0.0.0" ? "127.0.0.1" : host) => [
      `--host-resolver-rules=MAP ${HOST_NAME} ${hostSeenByBrowser}:${web.port}, MAP * ~NOTFOUND, EXCLUDE ${hostSeenByBrowser}`,
      `--ignore-certificate-errors-spki-list=${certificate.pin}`,
      // A document from a copy has no address of its own, and may then not call one of this machine.
      "--disable-features=LocalNetworkAccessChecks",
    ],
    close: async () => {
      await Promise.all([web.close(), controlServer.close()]);
    },
  };
};
