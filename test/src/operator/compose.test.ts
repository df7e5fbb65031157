import { startSimulator, type Simulator } from "@whatsapp-engine/simulator";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createCompose, onCompose, type Compose } from "../support/compose.ts";
import {
  containerOf,
  containersOf,
  docker,
  hostSeenByContainers,
  networksOf,
  removeInstallation,
  startedAt,
  volumesOf,
} from "../support/docker.ts";
import { commandsOf } from "../support/documented.ts";
import { scan, takenBy, waitForStatus } from "../support/session.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567890";
const FRIEND = "6281200000001";

/** Compiling what the control plane needs takes some minutes the first time. */
const BUILD_TIMEOUT_MS = 900_000;

/** The engine itself in a container, with no more rights than the Compose file gives it. */
onCompose("the shipped docker-compose.yml", () => {
  let simulator: Simulator;
  let compose: Compose;
  let installId: string | undefined;
  beforeAll(async () => {
    simulator = await startSimulator({ host: "0.0.0.0" });
    const settings = {
      RUNNER_BROWSER_ARGS: JSON.stringify(simulator.browserArgs(await hostSeenByContainers())),
      STOP_WORDS: "STOP,BERHENTI",
    };
    // As a Windows editor writes it.
    compose = await createCompose(settings, "\uFEFFSEND_BURST=7\r\nSEND_MAX_PER_DAY=900\r\n");
    // The runner image is there already, and the other suites use it.
    await compose.run("build", "engine");
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await compose.remove();
    if (installId !== undefined) await removeInstallation(installId);
    await simulator.close();
  });

  const send = (message: string) => compose.api("POST /sessions/a/send", { to: FRIEND, message });

  it("links a session by its QR and sends", async () => {
    await compose.up();
    installId = await compose.installId();
    const created = await compose.api("POST /sessions/create", { sessionId: "a", phoneNumber: ACCOUNT });
    expect(created.status, created.text).toBe(201);
    await scan(compose, simulator, "a", ACCOUNT);
    await waitForStatus(compose, "a", "connected");
    const sent = await send("from Compose");
    expect(sent.body, sent.text).toMatchObject({ status: "sent" });
  });

  it("keeps key, session and container over down and up", async () => {
    const before = await startedAt(await containerOf(installId ?? "", "a"));
    await compose.run("down");
    await compose.up();
    // The row says `connected` before the new engine has found its containers.
    await until("the session to send again", async () => (await send("once more")).body.status === "sent");
    expect(await startedAt(await containerOf(installId ?? "", "a"))).toBe(before);
  });

  it("hands on what the environment and .env say", async () => {
    expect((await compose.api("GET /sessions/a/pace")).body).toMatchObject({
      pace: { burst: 7, perDay: 900 },
    });
    await simulator.control.deliver(ACCOUNT, { from: FRIEND, body: "berhenti" });
    await until("the stop word to count", async () => (await send("too late")).status === 403);
    await compose.api(`DELETE /suppressions/${FRIEND}?sessionId=a`);
  });

  it("says in docker ps that engine and session are well", async () => {
    const container = await containerOf(installId ?? "", "a");
    const session = async () =>
      (await docker("inspect", "--format", "{{.State.Health.Status}}", container)).join("");
    await until(
      "both to be healthy",
      async () => `${await compose.health()} ${await session()}` === "healthy healthy",
      {
        timeoutMs: 100_000,
      },
    );
  }, 120_000);

  it("ends its sessions' containers by stop-all, after which they come back without a scan", async () => {
    await compose.run("down");
    expect(await containersOf(installId ?? "")).toHaveLength(1);
    await compose.run("run", "--rm", "stop-all");
    expect(await containersOf(installId ?? "")).toEqual([]);
    await compose.up();
    await until(
      "the session to send again",
      async () => (await send("after stop-all")).body.status === "sent",
    );
  });

  it("goes into one backup, and back onto an empty place, by the commands of docs/operate.md", async () => {
    await compose.shell(commandsOf("compose-backup"));
    await compose.up();
    await until(
      "the session to send again",
      async () => (await send("after the backup")).body.status === "sent",
    );
    await compose.shell(commandsOf("compose-empty"));
    expect(await volumesOf(installId ?? "")).toEqual([]);
    const before = await takenBy(simulator, ACCOUNT, FRIEND);
    await compose.shell(commandsOf("compose-restore"));
    await compose.up();
    expect(await compose.installId()).toBe(installId);
    await until("the session to send again", async () => (await send("restored")).body.status === "sent");
    // Nothing of before the backup went out a second time, and nobody scanned.
    const since = (await takenBy(simulator, ACCOUNT, FRIEND)).slice(before.length);
    expect(since.map(({ body }) => body)).toEqual(["restored"]);
  }, 180_000);

  it("goes on with a database that was put back by the commands of docs/operate.md", async () => {
    const commands = commandsOf("compose-put-back");
    const copy = /before-upgrade\/(\S+\.sqlite)/.exec(commands)![1];
    await compose.run("down");
    const prepare = `mkdir -p /data/before-upgrade; cp /data/engine.sqlite /data/before-upgrade/${copy}`;
    await compose.run("run", "--rm", "--entrypoint", "sh", "stop-all", "-ec", prepare);
    await compose.up();
    await until("the session to send again", async () => (await send("newer")).body.status === "sent");
    await compose.shell(commands);
    await compose.up();
    await until("the session to send again", async () => (await send("put back")).body.status === "sent");
    expect((await compose.api("GET /sessions/a/messages")).text).not.toContain("newer");
    const taken = (await takenBy(simulator, ACCOUNT, FRIEND)).map(({ body }) => body);
    expect(taken.slice(-2)).toEqual(["newer", "put back"]);
  }, 120_000);

  it("is well at another address, where this machine may not call", async () => {
    compose.set({ HOST: "127.0.0.3", ALLOWED_IPS: "10.1.2.3" });
    await compose.run("up", "--detach", "--no-build");
    await until("the engine to be healthy", async () => (await compose.health()) === "healthy", {
      timeoutMs: 100_000,
    });
    compose.set({ HOST: "", ALLOWED_IPS: "" });
    await compose.up();
  }, 120_000);

  it("leaves nothing behind once its sessions are deleted and it is taken down", async () => {
    const deleted = await compose.api("DELETE /sessions/a");
    expect(deleted.status, deleted.text).toBe(200);
    await compose.run("down", "--volumes");
    const lists = await Promise.all([containersOf, volumesOf, networksOf].map((of) => of(installId ?? "")));
    expect([...lists.flat(), ...(await compose.parts())]).toEqual([]);
    await expect(compose.api("GET /health")).rejects.toThrow("ECONNREFUSED");
  });
});
