import { once } from "node:events";
import { readFileSync, readlinkSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aRunner } from "../test-support/conformance.ts";
import { aDockerRuntime, docker, hasDocker } from "../test-support/docker-subject.ts";
import { callStub } from "../test-support/stub-client.ts";

/** The image that sessions really run in, with Chromium. */
const IMAGE = "whatsapp-engine-runner:latest";

/** Real, effective, saved and file system id. */
const ORDINARY_USER = "1000 1000 1000 1000";
/** No capability. */
const NONE = "0000000000000000";

describe.runIf(hasDocker)("A runner's container", () => {
  const subject = aDockerRuntime({ image: IMAGE, limits: { memoryMb: 768, cpus: 1, pids: 256 } });
  const { host } = subject.runtime;
  const first = { ...aRunner(), token: "token-of-a-test-runner" };
  const second = { ...aRunner(), token: "token-of-a-test-runner" };
  const containers: string[] = [];
  beforeAll(async () => {
    await host.prepare();
    await Promise.all([host.ensure(first), host.ensure(second)]);
    for (const { runnerId } of [first, second])
      containers.push(
        ...(await docker("ps", "-q", "--filter", `label=io.whatsapp-engine.runner=${runnerId}`)),
      );
    await Promise.all([first, second].map(({ runnerId }) => callStub(host, runnerId, "/health")));
  });
  afterAll(() => subject.dispose());

  /** Runs a line of JavaScript in the first container; answers what it prints. */
  const inside = async (script: string) =>
    (await docker("exec", containers[0] ?? "", "node", "-e", script)).join("\n");

  /** What a connection from inside the first container comes to. */
  const connect = (host: string, port: number) =>
    inside(`
      const socket = require("node:net").connect({ host: "${host}", port: ${port}, timeout: 1500 });
      const end = (outcome) => { console.log(outcome); process.exit(); };
      socket.on("connect", () => end("connected")).on("timeout", () => end("no answer")).on("error", () => end("refused"));
    `);

  test("no process is root, has a capability or can gain one", async () => {
    await renderersOf(containers[0] ?? "");
    const processes = await processesOf(containers[0] ?? "");
    for (const { status } of processes)
      expect(status).toMatchObject({ Uid: ORDINARY_USER, Gid: ORDINARY_USER, NoNewPrivs: "1", Seccomp: "2" });
    // In the user namespaces that Chromium makes for its sandbox it has capabilities, over nothing but those.
    const outer = userNamespace(await initOf(containers[0] ?? ""));
    const ordinary = processes.filter((process) => process.userNamespace === outer);
    expect(ordinary.length).toBeGreaterThan(2);
    for (const { status } of ordinary)
      expect(status).toMatchObject({ CapInh: NONE, CapPrm: NONE, CapEff: NONE, CapBnd: NONE, CapAmb: NONE });
  });

  test("Chromium's sandbox is on: each renderer in a pid and a user namespace of its own, behind a second filter", async () => {
    const init = await initOf(containers[0] ?? "");
    const depth = statusOf(init)["NSpid"]?.split(" ").length ?? 0;
    const renderers = await renderersOf(containers[0] ?? "");
    expect(renderers).not.toEqual([]);
    for (const { command, status, ...renderer } of renderers) {
      expect(command).not.toContain("--no-sandbox");
      // Two pid namespaces below the container's: the zygote's, and its own, where it is the first process.
      const pids = status["NSpid"]?.split(" ") ?? [];
      expect(pids.length).toBe(depth + 2);
      expect(pids.at(-1)).toBe("1");
      expect(status["Seccomp_filters"]).toBe("2");
      expect(renderer.userNamespace).not.toBe(userNamespace(init));
    }
  });

  test("its root is read-only; the profile and /tmp are not", async () => {
    const tries = `for (const folder of ["/", "/app", "/etc", "/profile", "/tmp"])
      try { require("node:fs").writeFileSync(folder + "/probe", ""); console.log(folder); } catch {}`;
    expect(await inside(tries)).toBe("/profile\n/tmp");
  });

  test("it publishes no port, sees no folder of the host, and is limited", async () => {
    const [text = ""] = await docker("inspect", "--format", "{{json .}}", containers[0] ?? "");
    const { HostConfig, Mounts, Config } = JSON.parse(text) as Record<string, Record<string, unknown>>;
    expect(HostConfig).toMatchObject({
      Privileged: false,
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      Binds: null,
      Init: true,
      Memory: 768 * 1024 * 1024,
      NanoCpus: 1e9,
      PidsLimit: 256,
      RestartPolicy: { Name: "no" },
      LogConfig: { Type: "json-file", Config: { "max-file": "2", "max-size": "5m" } },
    });
    expect(HostConfig?.["PortBindings"] ?? {}).toEqual({});
    expect(Mounts).toMatchObject([{ Type: "volume", Destination: "/profile" }]);
    expect(Config).toMatchObject({ User: "1000:1000", Hostname: "runner" });
  });

  test("it reaches neither another session's container nor what the host keeps on its loopback", async () => {
    const other = await host.endpoint(second.runnerId);
    expect(await connect(other.host, other.port)).not.toBe("connected");

    const [gateway = ""] = await docker(
      "inspect",
      "--format",
      "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}",
      containers[0] ?? "",
    );
    const open = await listen("0.0.0.0");
    const closed = await listen("127.0.0.1");
    // The first shows that the probe would find a control plane that listens on every address.
    expect(await connect(gateway, open.port)).toBe("connected");
    expect(await connect(gateway, closed.port)).not.toBe("connected");
    open.close();
    closed.close();
  });
});

const listen = async (host: string) => {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
};

type Process = { command: string; status: Record<string, string>; userNamespace: string };

/** Pid of the container's first process, as the host sees it. */
const initOf = async (container: string): Promise<number> =>
  Number((await docker("inspect", "--format", "{{.State.Pid}}", container))[0]);

/** All of the container's processes, but for those that end while they are being looked at. */
const processesOf = async (container: string): Promise<Process[]> =>
  (await docker("top", container, "-eo", "pid,args")).slice(1).flatMap((line) => {
    const [pid = "", ...words] = line.trim().split(/\s+/);
    try {
      return [{ command: words.join(" "), status: statusOf(pid), userNamespace: userNamespace(pid) }];
    } catch {
      return [];
    }
  });

/** Its renderers, once each has had the time to put up its filter, as one does right after its start. */
const renderersOf = async (container: string): Promise<Process[]> => {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const renderers = (await processesOf(container)).filter(({ command }) =>
      command.includes("--type=renderer"),
    );
    const settled =
      renderers.length > 0 && renderers.every(({ status }) => status["Seccomp_filters"] !== "1");
    if (settled || Date.now() > deadline) return renderers;
    await delay(100);
  }
};

const userNamespace = (pid: number | string): string => readlinkSync(`/proc/${pid}/ns/user`);

/** Fields of `/proc/<pid>/status`, white space made one blank (proc(5)). */
const statusOf = (pid: number | string): Record<string, string> =>
  Object.fromEntries(
    readFileSync(`/proc/${pid}/status`, "utf8")
      .split("\n")
      .map((line) => line.split(":\t") as [string, string?])
      .map(([name, value = ""]) => [name, value.trim().replaceAll(/\s+/g, " ")]),
  );
