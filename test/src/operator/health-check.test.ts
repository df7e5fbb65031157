import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEngine, type Engine } from "../support/engine.ts";

const program = fileURLToPath(new URL("../../../control-plane/build/health-check.js", import.meta.url));

/** What the image's HEALTHCHECK runs, with the engine's settings. */
const check = (url: string, settings: Record<string, string> = {}) => {
  const { port } = new URL(url);
  return spawnSync(process.execPath, [program], { env: { PORT: port, ...settings }, timeout: 20_000 }).status;
};

describe("the health check of the engine's container", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ runtime: "process", stubs: true });
  });
  afterAll(() => engine.stop());

  it("is well where HOST is another address, and where ALLOWED_IPS leaves this machine out", async () => {
    expect(check(engine.url)).toBe(0);
    for (const settings of [
      { HOST: "127.0.0.2" },
      { HOST: "0.0.0.0", ALLOWED_IPS: "10.1.2.3" },
      { HOST: "::", ALLOWED_IPS: "10.1.2.3" },
      { HOST: "::1" },
      { HOST: "localhost" },
      { HOST: "127.0.0.2", ALLOWED_IPS: "10.1.2.3", TRUSTED_PROXIES: "127.0.0.0/8" },
    ]) {
      await engine.restart(settings);
      expect(check(engine.url, settings), JSON.stringify(settings)).toBe(0);
    }
  });

  it("is not where nobody listens", async () => {
    const { url } = engine;
    await engine.kill("SIGTERM");
    expect(check(url)).toBe(1);
  });
});
