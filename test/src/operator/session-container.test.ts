import { afterAll, beforeAll, expect, it } from "vitest";
import { containerOf, docker } from "../support/docker.ts";
import { onDocker } from "../support/runtimes.ts";
import { scan, waitForStatus } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const ACCOUNT = "6281234567830";

/** What an operator sees of a session in `docker ps`. */
onDocker("a session's container", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("docker");
  });
  afterAll(() => stage.close());

  /** Its own health check, run now. */
  async function isHealthy(container: string): Promise<boolean> {
    const [test = ""] = await docker("inspect", "--format", "{{json .Config.Healthcheck.Test}}", container);
    const [kind, ...command] = JSON.parse(test) as string[];
    expect(kind).toBe("CMD");
    return docker("exec", container, ...command).then(
      () => true,
      () => false,
    );
  }

  it("has the session's name, and is healthy for as long as the account is connected", async () => {
    const { engine, simulator } = stage;
    await engine.api("POST /sessions", { sessionId: "shop_1-Jakarta" });
    await waitForStatus(engine, "shop_1-Jakarta", "qr_ready");
    const container = await containerOf(engine.installId, "shop_1-Jakarta");
    expect(await isHealthy(container)).toBe(false);
    await scan(engine, simulator, "shop_1-Jakarta", ACCOUNT);
    await waitForStatus(engine, "shop_1-Jakarta", "connected");
    expect(await isHealthy(container)).toBe(true);
    await simulator.control.drop(ACCOUNT);
    await until("it not to be healthy", async () => !(await isHealthy(container)));
    await simulator.control.restore(ACCOUNT);
    await until("it to be healthy again", () => isHealthy(container));
  });
});
