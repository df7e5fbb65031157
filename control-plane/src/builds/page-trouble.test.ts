import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eq } from "drizzle-orm";
import { openDatabase, sessions, whatsappBuilds, type OpenDatabase } from "@whatsapp-engine/db";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createEventStore } from "../events/index.ts";
import { createPageTrouble } from "./page-trouble.ts";
import { createBuildStore, type BuildStore } from "./store.ts";

const START = Date.parse("2026-01-02T03:04:05.000Z");
const [GOOD, BAD] = ["2.3000.1", "2.3000.2"];

let dir: string;
let database: OpenDatabase;
let builds: BuildStore;
let pageTrouble: ReturnType<typeof createPageTrouble>;
let now: number;
const clock = { now: () => now };

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "page-trouble-"));
  database = openDatabase(dir);
  const { db } = database;
  now = START;
  builds = createBuildStore({ db, clock, appendEvent: createEventStore({ db, clock }).append });
  pageTrouble = createPageTrouble({ db, store: builds, evidence: { acknowledged: () => false }, clock });
  const row = { id: "a", desired: "running" as const, status: "connected" as const };
  db.insert(sessions)
    .values({ ...row, createdAt: now, updatedAt: now })
    .run();
  for (const version of [GOOD, BAD]) builds.found(version);
  isOn(GOOD);
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

const isOn = (whatsappVersion: string) =>
  database.db.update(sessions).set({ whatsappVersion, connectedAt: now }).where(eq(sessions.id, "a")).run();
const later = () => (now += 60_000);
const told = (handedAt: number, attempts = 1, isLeftFor = true) =>
  pageTrouble({ id: "m", sessionId: "a", type: "image", attempts, handedAt }, "r: r", () => isLeftFor);

describe("a message that the page did not take", () => {
  it("on a build that nobody tries is a fault of its own", () => {
    expect(told(now)).toBeNull();
  });

  it("on the build that its session tries is tried again, twice where none of its kind went out", () => {
    builds.begin(BAD, "a");
    later();
    isOn(BAD);
    expect([told(now), told(now), told(now)]).toEqual(["noted", "noted", null]);
  });

  it("on a build that is left goes on elsewhere, as long as there is one, and not for ever", () => {
    builds.begin(BAD, "a");
    isOn(BAD);
    builds.reject(BAD, "a", { why: "it fails", returnsTo: GOOD });
    expect([told(now, 5), told(now, 6), told(now, 1, false)]).toEqual(["kept", null, null]);
  });

  it("goes on too where that is told only when its session is on the other build", () => {
    const before = now;
    later();
    builds.begin(BAD, "a");
    isOn(BAD);
    const handedAt = later();
    builds.reject(BAD, "a", { why: "it fails", returnsTo: GOOD });
    later();
    isOn(GOOD);
    expect([told(handedAt), told(handedAt, 6), told(before), told(later())]).toEqual([
      "kept",
      null,
      null,
      null,
    ]);
  });

  it("is another session's trial", () => {
    builds.begin(BAD, "b");
    isOn(BAD);
    expect(told(now)).toBeNull();
    expect(database.db.select().from(whatsappBuilds).all()).toHaveLength(2);
  });
});
