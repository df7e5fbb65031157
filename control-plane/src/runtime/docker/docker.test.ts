import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aRunner, conformance } from "../test-support/conformance.ts";
import type { Runtime } from "../runtime.ts";
import {
  aDockerRuntime,
  buildStubImage,
  docker,
  hasDocker,
  STUB_FOLDER,
  STUB_IMAGE,
} from "../test-support/docker-subject.ts";
import { createEngineProxy } from "../test-support/engine-proxy.ts";
import { callStub } from "../test-support/stub-client.ts";
import { watching } from "../test-support/watching.ts";
import { runnerSettings } from "../test-support/runner-settings.ts";

const ofRunner = ({ runnerId }: { runnerId: string }) => `label=io.whatsapp-engine.runner=${runnerId}`;

describe.runIf(hasDocker)("Docker", () => {
  beforeAll(buildStubImage);

  conformance("The Docker runtime", async () => {
    const subjects = [aDockerRuntime(), aDockerRuntime()] as const;
    return {
      runtime: subjects[0].runtime,
      other: subjects[1].runtime,
      dispose: async () => void (await Promise.all(subjects.map((subject) => subject.dispose()))),
    };
  });

  describe("The Docker runtime", () => {
    const subject = aDockerRuntime();
    const {
      runtime: { host, profiles },
      installId,
    } = subject;
    const ofInstall = `label=io.whatsapp-engine.install=${installId}`;
    beforeAll(() => host.prepare());
    afterAll(() => subject.dispose());

    test("containers stay up when the control plane lets go, and the next one adopts them", async () => {
      const spec = aRunner();
      const first = aDockerRuntime({ installId });
      await first.runtime.host.ensure(spec);
      await first.runtime.host.close();
      expect(await host.list()).toMatchObject([{ runnerId: spec.runnerId, liveness: "alive" }]);
      await host.remove(spec.runnerId, { graceSeconds: 5 });
    });

    test("a runner that is killed is told soon, and one that fills its memory is told as such", async () => {
      const spec = aRunner();
      const watch = watching(host);
      await watch.event("relist");
      await host.ensure(spec);
      const [container = ""] = await docker("ps", "--quiet", "--filter", ofRunner(spec));
      await docker("kill", container);
      expect(await watch.event("exited", { runnerId: spec.runnerId, withinMs: 10_000 })).toMatchObject({
        exitCode: 137,
      });
      const from = watch.seen.length;
      await host.ensure(spec);
      await callStub(host, spec.runnerId, "/fill");
      await watch.event("out_of_memory", { runnerId: spec.runnerId, from });
      await host.remove(spec.runnerId, { graceSeconds: 1 });
      watch.stop();
    });

    test("a runner that was started for no session is named after the one that has it", async () => {
      const spec = { ...aRunner(), sessionId: null };
      await host.ensure(spec);
      const names = () => docker("ps", "--format", "{{.Names}}", "--filter", ofRunner(spec));
      expect(await names()).toEqual([`whatsapp-warm-${spec.runnerId.slice(0, 8)}`]);
      await host.rename(spec.runnerId, "session-123");
      expect(await names()).toEqual([`whatsapp-session-123-${spec.runnerId.slice(0, 8)}`]);
      await host.remove(spec.runnerId, { graceSeconds: 1 });
    });

    test("every session id is a part of its container's name, and another installation may have the same session", async () => {
      const other = aDockerRuntime();
      await other.runtime.host.prepare();
      for (const sessionId of ["-", "_", "a", "A", "0-_", "x".repeat(64)]) {
        const specs = [
          { ...aRunner(), sessionId },
          { ...aRunner(), sessionId },
        ] as const;
        await Promise.all([host.ensure(specs[0]), other.runtime.host.ensure(specs[1])]);
        for (const spec of specs)
          expect(await docker("ps", "--format", "{{.Names}}", "--filter", ofRunner(spec))).toEqual([
            `whatsapp-${sessionId}-${spec.runnerId.slice(0, 8)}`,
          ]);
        await host.remove(specs[0].runnerId, { graceSeconds: 1 });
      }
      await other.dispose();
    });

    test("a container with a name of former versions is this runner's as before", async () => {
      const spec = aRunner();
      await host.ensure(spec);
      const [id = ""] = await docker("ps", "--quiet", "--filter", ofRunner(spec));
      await docker("rename", id, `whatsapp-${spec.sessionId}-${randomUUID()}`);
      expect(await host.list()).toMatchObject([{ runnerId: spec.runnerId, liveness: "alive" }]);
      expect(await callStub(host, spec.runnerId, "/health")).toMatchObject({ runnerId: spec.runnerId });
      await host.remove(spec.runnerId, { graceSeconds: 1 });
      expect(await host.list()).toEqual([]);
    });

    test("a name that somebody else's container has is not taken for the runner's own", async () => {
      const spec = aRunner();
      const name = `whatsapp-${spec.sessionId}-${spec.runnerId.slice(0, 8)}`;
      await docker("create", "--name", name, STUB_IMAGE);
      await expect(host.ensure(spec)).rejects.toThrow(`Another container has the name ${name}`);
      expect(await docker("ps", "--quiet", "--filter", `name=${name}`)).toEqual([]);
      await docker("rm", name);
      await host.ensure(spec);
      await host.remove(spec.runnerId, { graceSeconds: 1 });
    });

    test("an address that was learned is forgotten with its container", async () => {
      const spec = aRunner();
      const watch = watching(host);
      await watch.event("relist");
      await host.ensure(spec);
      await watch.event("started", { runnerId: spec.runnerId });
      const address = await host.endpoint(spec.runnerId);
      expect(await host.endpoint(spec.runnerId)).toEqual(address);
      await callStub(host, spec.runnerId, "/exit?code=0");
      await watch.event("exited", { runnerId: spec.runnerId });
      await expect(host.endpoint(spec.runnerId)).rejects.toMatchObject({ code: "runner_unavailable" });
      await host.remove(spec.runnerId, { graceSeconds: 1 });
      watch.stop();
    });

    test("a missing image, and a sandbox given up, are refused with one sentence", async () => {
      const missing = aDockerRuntime({ installId, image: "no-such-image:latest" }).runtime;
      await expect(missing.host.prepare()).rejects.toThrow(
        "The runner image no-such-image:latest is missing; build it with: npm run setup",
      );
      const bare = aDockerRuntime({
        installId,
        runner: { ...runnerSettings, browserArgs: ["--no-sandbox"] },
      }).runtime;
      await expect(bare.host.prepare()).rejects.toThrow("RUNNER_BROWSER_ARGS must not hold --no-sandbox");
    });

    test("the check of the sandbox leaves no container behind", async () => {
      await host.prepare();
      const purposes = await docker(
        "ps",
        "--all",
        "--filter",
        ofInstall,
        "--format",
        '"{{.Label "io.whatsapp-engine.purpose"}}"',
      );
      expect(purposes.filter((purpose) => purpose !== '"keep-profile"')).toEqual([]);
    });

    test("docker volume prune leaves a profile that no runner is on; docker container prune before it does not, until the next start", async () => {
      const spec = aRunner();
      const prune = (what: string) => docker(what, "prune", "--force", "--filter", ofInstall);
      await host.ensure(spec);
      await host.remove(spec.runnerId, { graceSeconds: 1 });
      expect(await host.removeStrays(0)).toBe(0);
      await prune("volume");
      expect(await profiles.list()).toContain(spec.profileId);
      await prune("container");
      await host.prepare();
      await prune("volume");
      expect(await profiles.list()).toContain(spec.profileId);
      await prune("container");
      await prune("volume");
      expect(await profiles.list()).toEqual([]);
    });

    test("what keeps a profile goes with it, and holds on to no image that is no longer used", async () => {
      const spec = aRunner();
      await host.ensure(spec);
      await host.remove(spec.runnerId, { graceSeconds: 1 });
      const keepers = () =>
        docker("ps", "--all", "--filter", `name=whatsapp-keeps-${spec.profileId}`, "--format", "{{.Image}}");
      expect(await keepers()).toEqual([STUB_IMAGE]);
      const newer = `${STUB_IMAGE}-newer`;
      await docker("build", "--quiet", "--label", `of=${installId}`, "--tag", newer, STUB_FOLDER);
      await aDockerRuntime({ installId, image: newer }).runtime.host.prepare();
      expect(await keepers()).toEqual([newer]);
      await profiles.remove(spec.profileId);
      expect(await docker("ps", "--all", "--quiet", "--filter", ofInstall)).toEqual([]);
      await docker("rmi", newer);
    });
  });

  describe("The Docker runtime without its engine", () => {
    const callsOf = ({ host, profiles }: Runtime, runnerId: string) => ({
      prepare: () => host.prepare(),
      ping: () => host.ping(),
      ensure: () => host.ensure(aRunner()),
      rename: () => host.rename(runnerId, "session-1"),
      listOthers: () => host.listOthers(),
      remove: () => host.remove(runnerId, { graceSeconds: 1 }),
      removeProfile: () => profiles.remove("p1"),
      list: () => host.list(),
      listProfiles: () => profiles.list(),
      readProfile: () => profiles.inspect("p1"),
      endpoint: () => host.endpoint(runnerId),
    });

    test("every call is runtime_unavailable, nothing is deleted, and all heals", async () => {
      const proxy = await createEngineProxy();
      const subject = aDockerRuntime({ dockerHost: proxy.dockerHost });
      const { host, profiles } = subject.runtime;
      const spec = aRunner();
      const watch = watching(host);
      await host.prepare();
      await host.ensure(spec);
      await host.endpoint(spec.runnerId);
      await watch.event("started", { runnerId: spec.runnerId });

      await proxy.cut();
      await watch.event("unavailable");
      for (const call of Object.values(callsOf(subject.runtime, spec.runnerId)))
        await expect(call()).rejects.toMatchObject({ name: "AppError", code: "runtime_unavailable" });

      const from = watch.seen.length;
      await proxy.mend();
      await watch.event("relist", { from });
      expect(await host.list()).toMatchObject([{ runnerId: spec.runnerId, liveness: "alive" }]);
      expect(await profiles.list()).toEqual([spec.profileId]);
      await callStub(host, spec.runnerId, "/exit?code=3");
      expect(await watch.event("exited", { from })).toMatchObject({ runnerId: spec.runnerId, exitCode: 3 });
      watch.stop();
      await subject.dispose();
      await proxy.cut();
    });

    test("an engine that hangs, or breaks off in the middle of an answer, is unavailable too", async () => {
      const proxy = await createEngineProxy();
      const subject = aDockerRuntime({ dockerHost: proxy.dockerHost });
      proxy.silence(true);
      const ping = subject.runtime.host.ping();
      const list = subject.runtime.host.list();
      await expect(ping).rejects.toMatchObject({ code: "runtime_unavailable" });
      await Promise.all([proxy.cut(), expect(list).rejects.toMatchObject({ code: "runtime_unavailable" })]);
      await subject.runtime.host.close();
    });

    test("a socket that does not exist is an engine that does not answer", async () => {
      const { runtime } = aDockerRuntime({ dockerHost: "unix:///nowhere/docker.sock" });
      await expect(runtime.host.ping()).rejects.toMatchObject({ code: "runtime_unavailable" });
      expect(() => aDockerRuntime({ dockerHost: "nonsense" })).toThrow('DOCKER_HOST "nonsense" is not');
    });
  });
});
