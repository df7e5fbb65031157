import { AppError } from "@whatsapp-engine/contract/api";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { createCleanup, inBatches, type CleanupStep } from "./cleanup.ts";

const NOW = Date.UTC(2026, 5, 1);

function cleanupOf(
  steps: Parameters<typeof createCleanup>[0]["steps"],
  otherRunners: Parameters<typeof createCleanup>[0]["otherRunners"] = async () => [],
) {
  const lines: string[] = [];
  const cleanup = createCleanup({
    steps,
    kept: () => [{ profileId: "p", why: "It has a login." }],
    otherRunners,
    clock: { now: () => NOW },
    log: pino({}, { write: (line) => void lines.push(line) }),
  });
  return { cleanup, lines: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe("cleanup", () => {
  it("counts since the start, and writes one line for each run that removed something", async () => {
    const counts = [3, 0, 2];
    const { cleanup, lines } = cleanupOf([["media", async () => counts.shift() ?? 0]]);
    expect((await cleanup.status()).lastRunAt).toBeNull();
    for (let run = 0; run < 3; run += 1) await cleanup.run();
    cleanup.count("containers", 1);
    expect(await cleanup.status()).toMatchObject({
      lastRunAt: "2026-06-01T00:00:00.000Z",
      removed: { containers: 1, profiles: 0, media: 5, events: 0, messages: 0, files: 0 },
      kept: [{ profileId: "p", why: "It has a login." }],
      failures: [],
    });
    expect(lines().map(({ removed }) => removed)).toEqual([{ media: 3 }, { media: 2 }]);
  });

  it("tells of other installations' runners, and says null where that is not known", async () => {
    const other = {
      installId: "0123456789ab",
      runnerId: "r",
      liveness: "alive" as const,
      createdAt: "2026-06-01T00:00:00.000Z",
    };
    expect((await cleanupOf([], async () => [other]).cleanup.status()).otherRunners).toEqual([other]);
    const away = async () => {
      throw new AppError("runtime_unavailable", "The Docker engine does not answer.");
    };
    expect((await cleanupOf([], away).cleanup.status()).otherRunners).toBeNull();
  });

  it("says what it could not look at, does the rest, and forgets the failure once it is over", async () => {
    let away = true;
    const containers: CleanupStep = async () => {
      if (away) throw new AppError("runtime_unavailable", "The Docker engine does not answer.");
      return 1;
    };
    const { cleanup, lines } = cleanupOf([
      ["containers", containers],
      ["files", async () => 1],
    ]);
    await cleanup.run();
    expect(await cleanup.status()).toMatchObject({
      removed: { containers: 0, files: 1 },
      failures: [{ kind: "containers", why: "The Docker engine does not answer." }],
    });
    expect(lines()[0]).toMatchObject({ kind: "containers", msg: expect.stringContaining("could not") });
    away = false;
    await cleanup.run();
    expect(await cleanup.status()).toMatchObject({ removed: { containers: 1, files: 2 }, failures: [] });
  });

  it("works off what is done in batches, and ends between two when the engine stops", async () => {
    let batches = 0;
    const { cleanup } = cleanupOf([
      [
        "events",
        inBatches(() => {
          batches += 1;
          if (batches === 3) void cleanup.close();
          return 500;
        }),
      ],
    ]);
    await cleanup.run();
    expect((await cleanup.status()).removed.events).toBe(1_500);
  });
});
