import { afterAll, beforeAll, expect, it } from "vitest";
import { startEngine, type Engine } from "../support/engine.ts";
import { startPrivateDocker, type PrivateDocker } from "../support/private-docker.ts";
import { onDocker } from "../support/runtimes.ts";

/** No runner gets as far as to start, and this one is there sooner. */
const image = "node:24-bookworm-slim";

onDocker("a Docker engine without a range of addresses left", () => {
  let privateDocker: PrivateDocker;
  let engine: Engine | undefined;
  beforeAll(async () => {
    privateDocker = await startPrivateDocker(image, { bitsOfNetwork: 16 });
  });
  afterAll(async () => {
    await engine?.stop();
    await privateDocker.remove();
  });

  it("is said so, with what to do", async () => {
    engine = await startEngine({
      runtime: "docker",
      settings: { DOCKER_HOST: privateDocker.host, RUNNER_IMAGE: image },
    });
    expect((await engine.api("POST /sessions/create", { sessionId: "a" })).status).toBe(503);
    expect(engine.output()).toContain("default-address-pools in /etc/docker/daemon.json");
  });
});
