import { randomUUID } from "node:crypto";
import { existsSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Cleanup } from "@whatsapp-engine/contract/api";
import { query } from "../support/database.ts";
import { docker } from "../support/docker.ts";
import { startEngine, type Engine } from "../support/engine.ts";
import { LINKED, labelFlags, plantProfile, profilesOf, volumeName } from "../support/profiles.ts";
import { onEachRuntime } from "../support/runtimes.ts";
import { until } from "../support/until.ts";

const OTHER_INSTALL = "0123456789ab";
const DAY_MS = 24 * 60 * 60_000;
/** Of a message that waits. */
const NEEDED = "c".repeat(64);

/** What nobody needs any more goes at the start, and is counted; nothing else goes. */
onEachRuntime("cleaning up", (runtime) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ runtime });
  });
  afterAll(() => engine.stop());

  const status = async () => (await engine.api("GET /health/cleanup")).body as unknown as Cleanup;
  const media = (name: string) => join(engine.dataDir, "media", name);

  function file(name: string, ageDays: number): void {
    const at = (Date.now() - ageDays * DAY_MS) / 1000;
    writeFileSync(media(name), "bytes");
    utimesSync(media(name), at, at);
  }

  function rows(): void {
    const sqlite = new Sqlite(join(engine.dataDir, "engine.sqlite"));
    const message = sqlite.prepare(
      "insert into messages (id, session_id, recipient, type, body, status, created_at, updated_at, media_sha256) values (?, 'gone', '62', 'text', '', ?, ?, ?, ?)",
    );
    const event = sqlite.prepare(
      `insert into events (session_id, seq, type, data, at) values ('gone', ?, 'session.created', '{"name":null}', ?)`,
    );
    for (const [id, state, age, sha256] of [
      ["old", "sent", 365, null],
      ["waiting", "queued", 365, NEEDED],
      ["young", "sent", 1, null],
    ] as const)
      message.run(id, state, Date.now() - age * DAY_MS, Date.now() - age * DAY_MS, sha256);
    for (const [seq, age] of [
      [1, 365],
      [2, 365],
      [3, 365],
    ] as const)
      event.run(seq, Date.now() - age * DAY_MS);
    sqlite.close();
  }

  it("answers nothing removed where nothing is left over, and needs the key", async () => {
    const now = await until("the first run to be at its end", async () => {
      const answer = await status();
      return answer.lastRunAt !== null && answer;
    });
    expect(now).toMatchObject({
      success: true,
      removed: { containers: 0, profiles: 0, media: 0, events: 0, deliveries: 0, messages: 0, files: 0 },
      kept: [],
      failures: [],
    });
    expect((await engine.api("GET /health/cleanup", undefined, { key: null })).status).toBe(401);
  });

  it("removes what is old or nobody's at the start, counts it, and keeps the rest", async () => {
    const old = "a".repeat(64);
    const young = "b".repeat(64);
    const [cutOff, underWay] = [`${randomUUID()}.part`, `${randomUUID()}.part`];
    await engine.kill("SIGTERM");
    rows();
    file(old, 365);
    file(young, 0);
    file(NEEDED, 365);
    file(cutOff, 1);
    file(underWay, 0);
    const login = await plantProfile(engine, LINKED);
    const never = await plantProfile(engine, {});
    const foreign: string[] = [];
    const volumes: string[] = [];
    if (runtime === "docker") {
      const image = process.env["RUNNER_IMAGE"] ?? "whatsapp-engine-runner";
      const container = async (owner: string) => {
        const flags = labelFlags({ install: owner, profile: "of-nobody", runner: randomUUID() });
        const [id = ""] = await docker("run", "--detach", ...flags, "--entrypoint", "true", image);
        return id;
      };
      await container(engine.installId);
      foreign.push(await container(OTHER_INSTALL));
      volumes.push(volumeName(await plantProfile(engine, {}, OTHER_INSTALL)));
      volumes.push(volumeName(await plantProfile(engine, {}, null)));
    }
    const containers = runtime === "docker" ? 1 : 0;

    try {
      await engine.restart();
      const now = await until(
        "all to be cleaned up",
        async () => {
          const answer = await status();
          return answer.lastRunAt !== null && answer.removed.containers === containers && answer;
        },
        { seen: () => engine.output().slice(-2_000) },
      );
      expect(now.removed).toEqual({
        containers,
        profiles: 0,
        media: 1,
        events: 2,
        deliveries: 0,
        messages: 1,
        files: 1,
      });
      expect(now.kept).toEqual([{ profileId: login, why: expect.stringContaining("has a login") }]);
      expect(engine.output()).toMatch(
        /"removed":\{"messages":1,"events":2,"media":1,"files":1\}.*"cleaned up"/,
      );

      const files = [old, young, NEEDED, cutOff, underWay].map((name) => existsSync(media(name)));
      expect(files).toEqual([false, true, true, false, true]);
      const left = query(engine.dataDir, "select id from messages order by id").map(({ id }) => id);
      expect(left).toEqual(["waiting", "young"]);
      expect(await profilesOf(engine)).toEqual(expect.arrayContaining([login, never]));
      if (runtime === "docker") {
        expect(await docker("ps", "-aq", "--no-trunc")).toEqual(expect.arrayContaining(foreign));
        expect(await docker("volume", "ls", "--quiet")).toEqual(expect.arrayContaining(volumes));
      }
    } finally {
      if (foreign.length > 0) await docker("rm", "--force", ...foreign);
      if (volumes.length > 0) await docker("volume", "rm", ...volumes);
    }
  });
});
