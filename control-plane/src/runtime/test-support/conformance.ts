import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProfileStore } from "../profile-store.ts";
import type { RunnerHost, RunnerSpec } from "../runner-host.ts";
import type { Runtime } from "../runtime.ts";
import { callStub } from "./stub-client.ts";
import { watching } from "./watching.ts";

export type Subject = {
  /** Runs stub runners for one installation. */
  runtime: Runtime;
  /** The same kind, for another installation on this machine. */
  other: Runtime;
  /** Leaves nothing of either behind. */
  dispose(): Promise<void>;
};

/** A runner nobody has asked for yet. */
export const aRunner = (profileId = `p${randomBytes(4).toString("hex")}`): RunnerSpec => ({
  runnerId: `r${randomBytes(4).toString("hex")}`,
  profileId,
  generation: 1,
  sessionId: "session-1",
  token: "token-of-a-stub-runner",
  expectsLogin: false,
  whatsappVersion: null,
});

const GRACE = { graceSeconds: 5 };

/** What every runtime promises; `subject` is made once for all tests. */
export const conformance = (name: string, makeSubject: () => Promise<Subject>): void => {
  describe(`${name} keeps the runtime's promises`, () => {
    let subject: Subject;
    let host: RunnerHost;
    let profiles: ProfileStore;
    beforeAll(async () => {
      subject = await makeSubject();
      ({ host, profiles } = subject.runtime);
      await Promise.all([host.prepare(), subject.other.host.prepare()]);
    });
    afterAll(() => subject.dispose());

    const find = async (runnerId: string) =>
      (await host.list()).filter((runner) => runner.runnerId === runnerId);

    test("prepared twice, and answering", async () => {
      await host.prepare();
      await host.ping();
    });

    test("ensured twice, at once and one after the other: one runner, which answers", async () => {
      const spec = aRunner();
      await Promise.all([host.ensure(spec), host.ensure(spec)]);
      await host.ensure(spec);
      expect(await find(spec.runnerId)).toEqual([
        {
          runnerId: spec.runnerId,
          profileId: spec.profileId,
          liveness: "alive",
          hasPoolName: false,
          createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
        },
      ]);
      expect(await callStub(host, spec.runnerId, "/health")).toMatchObject({ runnerId: spec.runnerId });
      await host.remove(spec.runnerId, GRACE);
    });

    test("named after a session twice, at once and one after the other: it runs on, and is removed as ever", async () => {
      const spec = { ...aRunner(), sessionId: null };
      await host.ensure(spec);
      await Promise.all([host.rename(spec.runnerId, "s"), host.rename(spec.runnerId, "s")]);
      await host.rename(spec.runnerId, "s");
      expect(await find(spec.runnerId)).toMatchObject([{ profileId: spec.profileId, liveness: "alive" }]);
      expect(await callStub(host, spec.runnerId, "/health")).toMatchObject({ runnerId: spec.runnerId });
      await host.remove(spec.runnerId, GRACE);
      expect(await find(spec.runnerId)).toEqual([]);
    });

    test("removed twice, at once and one after the other: nothing is left", async () => {
      const spec = aRunner();
      await host.ensure(spec);
      await Promise.all([host.remove(spec.runnerId, GRACE), host.remove(spec.runnerId, GRACE)]);
      await host.remove(spec.runnerId, GRACE);
      expect(await find(spec.runnerId)).toEqual([]);
      await expect(host.endpoint(spec.runnerId)).rejects.toMatchObject({ code: "runner_unavailable" });
    });

    test("what was never there is removed without complaint", async () => {
      await host.rename("never", "session-1");
      await host.remove("never", GRACE);
      await profiles.remove("never");
    });

    test("an exit is told within 2 s; the dead runner is listed as gone until it is removed", async () => {
      const spec = aRunner();
      const watch = watching(host);
      await watch.event("relist");
      const took: number[] = [];
      // The best of three: a machine that is busy holds one up.
      while (took.length < 3 && !took.some((ms) => ms < 2_000)) {
        const from = watch.seen.length;
        await host.ensure(spec);
        await watch.event("started", { runnerId: spec.runnerId, from });
        const begun = performance.now();
        await callStub(host, spec.runnerId, "/exit?code=7");
        const exited = await watch.event("exited", { runnerId: spec.runnerId, withinMs: 10_000, from });
        took.push(performance.now() - begun);
        expect(exited.exitCode).toBe(7);
      }
      expect(Math.min(...took)).toBeLessThan(2_000);
      expect(await find(spec.runnerId)).toMatchObject([{ liveness: "gone" }]);
      await expect(host.endpoint(spec.runnerId)).rejects.toMatchObject({ code: "runner_unavailable" });
      await host.remove(spec.runnerId, GRACE);
      expect(await find(spec.runnerId)).toEqual([]);
      watch.stop();
    });

    test("a dead runner that is ensured again runs again", async () => {
      const spec = aRunner();
      const watch = watching(host);
      await host.ensure(spec);
      await callStub(host, spec.runnerId, "/exit?code=1");
      await watch.event("exited", { runnerId: spec.runnerId });
      await host.ensure(spec);
      expect(await find(spec.runnerId)).toMatchObject([{ liveness: "alive" }]);
      expect(await callStub(host, spec.runnerId, "/health")).toMatchObject({ runnerId: spec.runnerId });
      await host.remove(spec.runnerId, GRACE);
      watch.stop();
    });

    test("nobody is told anything after the watch was ended", async () => {
      const spec = aRunner();
      const watch = watching(host);
      const witness = watching(host);
      await Promise.all([watch.event("relist"), witness.event("relist")]);
      watch.stop();
      const before = watch.seen.length;
      await host.ensure(spec);
      await witness.event("started", { runnerId: spec.runnerId });
      expect(watch.seen.length).toBe(before);
      await host.remove(spec.runnerId, GRACE);
      witness.stop();
    });

    test("what a runner wrote into its profile is there for the runner that replaces it", async () => {
      const first = aRunner();
      await host.ensure(first);
      await callStub(host, first.runnerId, "/note?text=kept");
      await host.remove(first.runnerId, GRACE);
      const second = aRunner(first.profileId);
      await host.ensure(second);
      expect(await callStub(host, second.runnerId, "/note")).toEqual({ note: "kept" });
      await host.remove(second.runnerId, GRACE);
    });

    test("a profile is copied through a tar, and the runner of the copy can write into it", async () => {
      const first = aRunner();
      await host.ensure(first);
      await callStub(host, first.runnerId, "/note?text=kept");
      await host.remove(first.runnerId, GRACE);
      const second = aRunner();
      await profiles.write(second.profileId, profiles.read(first.profileId));
      expect(await profiles.list()).toContain(second.profileId);
      await host.ensure(second);
      expect(await callStub(host, second.runnerId, "/note")).toEqual({ note: "kept" });
      expect(await callStub(host, second.runnerId, "/note?text=new")).toEqual({ note: "new" });
      await host.remove(second.runnerId, GRACE);
      await host.ensure(first);
      expect(await callStub(host, first.runnerId, "/note")).toEqual({ note: "kept" });
      await host.remove(first.runnerId, GRACE);
    });

    test("a copy whose tar breaks off fails by what it broke off by", async () => {
      const { profileId } = aRunner();
      async function* broken() {
        yield Buffer.alloc(1024);
        throw new Error("broken off");
      }
      await expect(profiles.write(profileId, Readable.from(broken()))).rejects.toThrow("broken off");
      await profiles.remove(profileId);
      expect(await profiles.list()).not.toContain(profileId);
    });

    test("a removed profile is gone, and a new one of its name is empty", async () => {
      const spec = aRunner();
      await host.ensure(spec);
      await callStub(host, spec.runnerId, "/note?text=secret");
      expect(await profiles.list()).toContain(spec.profileId);
      await host.remove(spec.runnerId, GRACE);
      await profiles.remove(spec.profileId);
      await profiles.remove(spec.profileId);
      expect(await profiles.list()).not.toContain(spec.profileId);
      await host.ensure(spec);
      expect(await callStub(host, spec.runnerId, "/note")).toEqual({ note: null });
      await host.remove(spec.runnerId, GRACE);
    });

    test("a profile tells what is in it, with a runner on it and without; reading changes nothing", async () => {
      const spec = aRunner();
      const write = (path: string, text: string) =>
        callStub(host, spec.runnerId, `/write?path=${path}&text=${encodeURIComponent(text)}`);
      expect(await profiles.inspect(spec.profileId)).toBeUndefined();
      expect(await profiles.list()).not.toContain(spec.profileId);

      await host.ensure(spec);
      await callStub(host, spec.runnerId, "/health");
      const empty = { claim: null, linked: false, generation: 0 };
      expect(await profiles.inspect(spec.profileId)).toEqual({ ...empty, hasRunner: true });
      await write("claim.json", "{}");
      expect(await profiles.inspect(spec.profileId)).toMatchObject({ claim: "unreadable" });
      await write("claim.json", '{"sessionId":"../x","claimedAt":"2026-01-02T03:04:05.678Z"}');
      expect(await profiles.inspect(spec.profileId)).toMatchObject({ claim: "unreadable" });
      const claim = { sessionId: "session-1", claimedAt: "2026-01-02T03:04:05.678Z" };
      await write("claim.json", JSON.stringify(claim));
      await write("browser/linked", claim.claimedAt);
      await write("generation.json", '{"generation":7,"runnerId":"r"}');
      const full = { claim, linked: true, generation: 7 };
      expect(await profiles.inspect(spec.profileId)).toEqual({ ...full, hasRunner: true });

      await host.remove(spec.runnerId, GRACE);
      expect(await profiles.inspect(spec.profileId)).toEqual({ ...full, hasRunner: false });
      expect(await host.list()).toEqual([]);
    });

    test("a runner that does not heed SIGTERM is killed after its grace", async () => {
      const spec = aRunner();
      await host.ensure(spec);
      await callStub(host, spec.runnerId, "/stubborn");
      const begun = Date.now();
      await host.remove(spec.runnerId, { graceSeconds: 1 });
      expect(Date.now() - begun).toBeGreaterThanOrEqual(1000);
      expect(await find(spec.runnerId)).toEqual([]);
    });

    test("another installation neither sees nor touches what is ours", async () => {
      const { other } = subject;
      const spec = aRunner();
      await host.ensure(spec);
      const foreign = watching(other.host);
      await foreign.event("relist");
      expect(await other.host.list()).toEqual([]);
      expect(await other.profiles.list()).toEqual([]);
      const seen = (await other.host.listOthers()).map(({ runnerId }) => runnerId);
      // Only Docker's engine is one for several installations.
      expect(seen.includes(spec.runnerId)).toBe(other.host.kind === "docker");
      expect((await host.listOthers()).map(({ runnerId }) => runnerId)).not.toContain(spec.runnerId);
      expect(await other.profiles.inspect(spec.profileId)).toBeUndefined();
      await expect(other.host.endpoint(spec.runnerId)).rejects.toMatchObject({ code: "runner_unavailable" });
      await other.host.rename(spec.runnerId, "foreign");
      await other.host.remove(spec.runnerId, GRACE);
      await other.profiles.remove(spec.profileId);
      expect(await callStub(host, spec.runnerId, "/health")).toMatchObject({ runnerId: spec.runnerId });
      const watch = watching(host);
      await host.remove(spec.runnerId, GRACE);
      await watch.event("exited", { runnerId: spec.runnerId });
      expect(foreign.seen).toEqual([{ type: "relist" }]);
      expect(await profiles.list()).toContain(spec.profileId);
      foreign.stop();
      watch.stop();
    });
  });
};
