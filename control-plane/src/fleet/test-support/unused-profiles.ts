import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createEventStore } from "../../events/index.ts";
import type { ProfileStore, RunnerHost, Runtime } from "../../runtime/index.ts";
import { aRunner } from "../../runtime/test-support/conformance.ts";
import { callStub } from "../../runtime/test-support/stub-client.ts";
import { createLocks } from "../../lib/locks.ts";
import { createRecovery } from "../recovery.ts";
import { createSessionStore } from "../../sessions/index.ts";

const MINUTE_MS = 60_000;

/** Which profiles of no session are removed, on a runtime with stub runners. */
export const unusedProfiles = (
  name: string,
  makeSubject: () => Promise<{ runtime: Runtime; dispose(): Promise<void> }>,
): void => {
  describe(`Profiles that were never anybody's, on ${name}`, () => {
    let subject: Awaited<ReturnType<typeof makeSubject>>;
    let host: RunnerHost;
    let profiles: ProfileStore;
    let dir: string;
    let database: OpenDatabase;
    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), "unused-profiles-"));
      database = openDatabase(dir);
      subject = await makeSubject();
      ({ host, profiles } = subject.runtime);
      await host.prepare();
    });
    afterAll(async () => {
      await subject.dispose();
      database.close();
      rmSync(dir, { recursive: true });
    });

    /** A profile that a runner was on; with what it wrote there. */
    async function plant(files: Record<string, string> = {}, { leave = false } = {}): Promise<string> {
      const spec = aRunner();
      await host.ensure(spec);
      for (const [path, text] of Object.entries(files))
        await callStub(host, spec.runnerId, `/write?path=${path}&text=${encodeURIComponent(text)}`);
      if (!leave) await host.remove(spec.runnerId, { graceSeconds: 5 });
      return spec.profileId;
    }

    it("are removed an hour after they were found, and no other is", async () => {
      let now = Date.now();
      const clock = { now: () => now };
      const { append } = createEventStore({ db: database.db, clock });
      const nothing = () => undefined;
      const store = createSessionStore({
        db: database.db,
        clock,
        appendEvent: append,
        onForget: nothing,
        onJournalLost: nothing,
      });
      const recovery = createRecovery({
        store,
        profiles,
        locks: createLocks(),
        listRunners: () => host.list(),
        clock,
        log: pino({ level: "silent" }),
      });
      const never = await plant();
      const linked = await plant({ "browser/linked": "2026-01-01T00:00:00.000Z" });
      const inUse = await plant({}, { leave: true });
      const later = await plant();
      const claim = { sessionId: "a", claimedAt: "2026-01-01T00:00:00.000Z" };
      const claimed = await plant({ "claim.json": JSON.stringify(claim) });

      await recovery.run();
      expect(await recovery.removeUnused()).toBe(0);
      now += 59 * MINUTE_MS;
      expect(await recovery.removeUnused()).toBe(0);
      // A login that is there now counts, whatever was seen before.
      const second = { ...aRunner(later), profileId: later };
      await host.ensure(second);
      await callStub(host, second.runnerId, "/write?path=browser/linked&text=now");
      await host.remove(second.runnerId, { graceSeconds: 5 });
      now += 2 * MINUTE_MS;
      expect(await recovery.removeUnused()).toBe(1);
      expect(await recovery.removeUnused()).toBe(0);

      const left = await profiles.list();
      expect(left).not.toContain(never);
      expect(left.toSorted()).toEqual([linked, inUse, later, claimed].toSorted());
      expect(recovery.kept().map(({ profileId }) => profileId)).toEqual([linked]);
      expect(store.profileOf("a")?.id).toBe(claimed);
    });
  });
};
