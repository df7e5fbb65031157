import { startSimulator, type Simulator } from "@whatsapp-engine/simulator";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createCompose, onCompose, type Compose } from "../support/compose.ts";
import {
  containerOf,
  containersOf,
  hostSeenByContainers,
  networksOf,
  removeInstallation,
  startedAt,
  volumesOf,
} from "../support/docker.ts";
import { scan, waitForStatus } from "../support/session.ts";
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
    compose = await createCompose({
      RUNNER_BROWSER_ARGS: JSON.stringify(simulator.browserArgs(await hostSeenByContainers())),
    });
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

  it("leaves nothing behind once its sessions are deleted and it is taken down", async () => {
    const deleted = await compose.api("DELETE /sessions/a");
    expect(deleted.status, deleted.text).toBe(200);
    await compose.run("down", "--volumes");
    const lists = await Promise.all([containersOf, volumesOf, networksOf].map((of) => of(installId ?? "")));
    expect([...lists.flat(), ...(await compose.parts())]).toEqual([]);
    await expect(compose.api("GET /health")).rejects.toThrow("ECONNREFUSED");
  });
});
