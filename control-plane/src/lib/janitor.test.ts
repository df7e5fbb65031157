import { AppError } from "@whatsapp-engine/contract/api";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { createJanitor, inBatches, type CleanupStep } from "./janitor.ts";

const NOW = Date.UTC(2026, 5, 1);

function janitorOf(
  steps: Parameters<typeof createJanitor>[0]["steps"],
  otherRunners: Parameters<typeof createJanitor>[0]["otherRunners"] = async () => [],
) {
  const lines: string[] = [];
  const janitor = createJanitor({
    steps,
    kept: () => [{ profileId: "p", why: "It has a login." }],
    otherRunners,
    clock: { now: () => NOW },
    log: pino({}, { write: (line) => void lines.push(line) }),
  });
  return { janitor, lines: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe("janitor", () => {
  it("counts since the start, and writes one line for each run that removed something", async () => {
    const counts = [3, 0, 2];
    const { janitor, lines } = janitorOf([["media", async () => counts.shift() ?? 0]]);
    expect((await janitor.status()).lastRunAt).toBeNull();
    for (let run = 0; run < 3; run += 1) await janitor.run();
    janitor.count("containers", 1);
    expect(await janitor.status()).toMatchObject({
      lastRunAt: "2026-06-01T00:00:00.000Z",
      removed: { containers: 1, profiles: 0, media: 5, events: 0, deliveries: 0, messages: 0, files: 0 },
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
    expect((await janitorOf([], async () => [other]).janitor.status()).otherRunners).toEqual([other]);
    const away = async () => {
      throw new AppError("runtime_unavailable", "The Docker engine does not answer.");
    };
    expect((await janitorOf([], away).janitor.status()).otherRunners).toBeNull();
  });

  it("says what it could not look at, does the rest, and forgets the failure once it is over", async () => {
    let away = true;
    const containers: CleanupStep = async () => {
      if (away) throw new AppError("runtime_unavailable", "The Docker engine does not answer.");
      return 1;
    };
    const { janitor, lines } = janitorOf([
      ["containers", containers],
      ["files", async () => 1],
    ]);
    await janitor.run();
    expect(await janitor.status()).toMatchObject({
      removed: { containers: 0, files: 1 },
      failures: [{ kind: "containers", why: "The Docker engine does not answer." }],
    });
    expect(lines()[0]).toMatchObject({ kind: "containers", msg: expect.stringContaining("could not") });
    away = false;
    await janitor.run();
    expect(await janitor.status()).toMatchObject({ removed: { containers: 1, files: 2 }, failures: [] });
  });

  it("works off what is done in batches, and ends between two when the engine stops", async () => {
    let batches = 0;
    const { janitor } = janitorOf([
      [
        "events",
        inBatches(() => {
          batches += 1;
          if (batches === 3) void janitor.close();
          return 500;
        }),
      ],
    ]);
    await janitor.run();
    expect((await janitor.status()).removed.events).toBe(1_500);
  });

  it("looks at what is asked for at once, also while it is at work, and tells of it apart from the whole", async () => {
    const looked: string[] = [];
    let asked: Promise<void> | undefined;
    const look = (what: string, count: number) => async () => {
      looked.push(what);
      return count;
    };
    const { janitor } = janitorOf([
      ["messages", look("messages", 0)],
      ["deliveries", look("deliveries", 1)],
      [
        "files",
        async () => {
          asked ??= janitor.request("deliveries");
          return look("files", 0)();
        },
      ],
    ]);
    await janitor.request("deliveries");
    expect(looked).toEqual(["deliveries"]);
    expect(await janitor.status()).toMatchObject({ lastRunAt: null, removed: { deliveries: 1 } });
    await janitor.run();
    await asked;
    expect(looked).toEqual(["deliveries", "messages", "deliveries", "files", "deliveries"]);
  });

  it("keeps a failure of one kind while another is looked at", async () => {
    const { janitor } = janitorOf([
      ["media", async () => Promise.reject(new Error("no"))],
      ["deliveries", async () => 1],
    ]);
    await janitor.run();
    await janitor.request("deliveries");
    expect((await janitor.status()).failures).toEqual([{ kind: "media", why: "no" }]);
  });
});
