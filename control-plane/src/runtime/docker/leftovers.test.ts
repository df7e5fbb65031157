import { labels } from "@whatsapp-engine/contract/runner";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unusedProfiles } from "../../fleet/test-support/unused-profiles.ts";
import { aRunner } from "../test-support/conformance.ts";
import {
  aDockerRuntime,
  buildStubImage,
  docker,
  hasDocker,
  STUB_IMAGE,
} from "../test-support/docker-subject.ts";

const OTHER_INSTALL = "0123456789ab";

describe.runIf(hasDocker)("The Docker runtime's leftovers", () => {
  const {
    installId,
    runtime: { host },
    dispose,
  } = aDockerRuntime();
  const made: string[] = [];
  beforeAll(async () => {
    await buildStubImage();
    await host.prepare();
  });
  afterAll(async () => {
    if (made.length > 0) await docker("rm", "--force", ...made);
    await dispose();
  });

  /** A container as a read that was cut off leaves it. */
  async function leftover(...flags: string[]): Promise<string> {
    const [id = ""] = await docker("create", "--entrypoint", "true", ...flags, STUB_IMAGE);
    made.push(id);
    return id;
  }
  const ofInstall = (id: string) => ["--label", `${labels.install}=${id}`];

  test("what a read or a check left is removed once it is old; runners, foreign and unlabelled ones are not", async () => {
    const spec = aRunner();
    await host.ensure(spec);
    const ours = await leftover(...ofInstall(installId), "--label", `${labels.purpose}=read-profile`);
    const others = [await leftover(...ofInstall(OTHER_INSTALL)), await leftover()];
    expect(await host.removeStrays(600_000)).toBe(0);
    expect(await docker("ps", "-aq", "--no-trunc")).toContain(ours);
    expect(await host.removeStrays(0)).toBe(1);
    const left = await docker("ps", "-aq", "--no-trunc");
    expect(left).not.toContain(ours);
    expect(left).toEqual(expect.arrayContaining(others));
    expect(await host.list()).toMatchObject([{ runnerId: spec.runnerId, liveness: "alive" }]);
    made.splice(made.indexOf(ours), 1);
  });
});

if (hasDocker)
  unusedProfiles("the Docker runtime", async () => {
    await buildStubImage();
    return aDockerRuntime();
  });
