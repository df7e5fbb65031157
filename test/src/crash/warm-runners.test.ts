import { afterAll, beforeAll, expect, it } from "vitest";
import type { Step } from "@whatsapp-engine/contract/steps";
import { makeDataFolder } from "../support/data-folder.ts";
import { query } from "../support/database.ts";
import { createDeath, type Death } from "../support/death.ts";
import { docker } from "../support/docker.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { readQr } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { killWarmRunner, oneRunnerEach, poolIs, profilesOf } from "../support/warm-runners.ts";

/** Killed while it refills the pool: after a session has taken one. */
const REFILLING: readonly Step[] = ["warm.recorded", "warm.started"];
/** Killed while it removes one that broke. */
const REMOVING: readonly Step[] = ["warm.runner_removed", "warm.profile_removed"];

/** Whenever it dies: a warm runner is the pool's or one session's, and nothing is left that is neither's. */
onEachRuntime("a control plane killed between pool and session", (runtime) => {
  const folder = makeDataFolder();
  const death: Death = createDeath(folder.path);
  let stage: Stage;
  let sessions = 0;
  beforeAll(async () => {
    const settings = { ...death.settings, WARM_RUNNERS: "1" };
    stage = await startStage(runtime, settings, { nodeArgs: death.nodeArgs });
    await poolIs(stage.engine, 1);
  });
  afterAll(async () => {
    await stage.close();
    folder.remove();
  });

  const create = (sessionId: string) =>
    stage.engine.api("POST /sessions/create", { sessionId }).catch(() => undefined);
  const claimedBy = (sessionId: string) =>
    query(stage.engine.dataDir, "select id from profiles where session_id = ?", sessionId)[0]?.["id"];
  const warmProfile = () =>
    query(stage.engine.dataDir, "select profile_id from warm_runners")[0]?.["profile_id"];

  /** The code that it shows, beside those of sessions; one that shows another meanwhile would be taken for it. */
  async function warmCode(): Promise<string> {
    const ids = query(stage.engine.dataDir, "select id from sessions").map(({ id }) => String(id));
    let left: string[] = [];
    await until(
      "one code that is no session's",
      async () => {
        const taken = await Promise.all(ids.map((id) => readQr(stage.engine, id)));
        const shown = (await stage.simulator.control.pages()).flatMap(({ qr }) => qr ?? []);
        left = shown.filter((qr) => !taken.includes(qr));
        return left.length === 1;
      },
      { seen: () => left },
    );
    return left[0]!;
  }

  async function recover() {
    await stage.engine.restart();
    await poolIs(stage.engine, 1);
    await oneRunnerEach(stage.engine, { sessions, warm: 1 });
    const ids = query(stage.engine.dataDir, "select id from sessions").map(({ id }) => String(id));
    const codes = await Promise.all(ids.map((id) => readQr(stage.engine, id)));
    expect(new Set(codes).size).toBe(sessions);
  }

  it("before the claim: the runner is still the pool's, and the session is made when it is asked for again", async () => {
    const warm = warmProfile();
    death.order("warm.before_claim");
    expect(await create("before")).toBeUndefined();
    await death.happened();
    expect(warmProfile()).toBe(warm);
    expect(claimedBy("before")).toBeUndefined();
    await recover();
    sessions += 1;
    expect((await create("before"))?.status).toBe(201);
    await poolIs(stage.engine, 1);
    await oneRunnerEach(stage.engine, { sessions, warm: 1 });
  });

  it("after the claim: the runner is the session's, with the code that it showed", async () => {
    const warm = warmProfile();
    const shown = (await stage.simulator.control.pages()).map(({ qr }) => qr);
    death.order("warm.claimed");
    expect(await create("claimed")).toBeUndefined();
    await death.happened();
    sessions += 1;
    expect(warmProfile()).toBeUndefined();
    expect(claimedBy("claimed")).toBe(warm);
    await recover();
    expect(claimedBy("claimed")).toBe(warm);
    // Child processes end with their control plane; containers go on.
    if (runtime !== "docker") return;
    expect(shown).toContain(await readQr(stage.engine, "claimed"));
    const filter = `label=io.whatsapp-engine.profile=${String(warm)}`;
    await until("its container to be named after it", async () =>
      (await docker("ps", "--format", "{{.Names}}", "--filter", filter)).some((name) =>
        name.startsWith("whatsapp-claimed-"),
      ),
    );
  });

  it.each(REFILLING)("refilling, at %s: nothing of it is left, and the pool is there again", async (step) => {
    death.order(step);
    sessions += 1;
    await create(step.replace(".", "-")); // its answer may not come any more
    await death.happened();
    expect(warmProfile()).toBeDefined();
    await recover();
  });

  it.each(REMOVING)("removing, at %s: it is finished, and the pool is there again", async (step) => {
    const warm = warmProfile();
    death.order(step);
    await killWarmRunner(stage.engine);
    await death.happened();
    expect(warmProfile()).toBe(warm);
    await recover();
    expect(warmProfile()).not.toBe(warm);
  });

  it("removing one that somebody scanned: the login on it is kept, whatever happens", async () => {
    const { engine, simulator } = stage;
    const warm = String(warmProfile());
    const qr = await warmCode();
    death.order("warm.runner_removed");
    await simulator.control.scan(qr, { phoneNumber: "6281234567890" });
    await death.happened();
    await engine.restart();
    await poolIs(engine, 1);
    expect((await profilesOf(engine)).filter((name) => name.endsWith(warm))).toHaveLength(1);
    expect(warmProfile()).not.toBe(warm);
  });
});
