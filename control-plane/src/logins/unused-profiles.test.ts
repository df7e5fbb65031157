import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ProfileStore } from "../runtime/index.ts";
import { createUnusedProfiles, type UnusedProfiles } from "./unused-profiles.ts";

let dataDir: string;
let removed: string[];
let away: boolean;
let ofSessions: Set<string>;
let unused: UnusedProfiles;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "unused-profiles-"));
  [removed, away, ofSessions] = [[], false, new Set()];
  const profiles: Partial<ProfileStore> = {
    async remove(id) {
      if (away) throw new Error("The runtime does not answer.");
      removed.push(id);
    },
  };
  const log = pino({ level: "silent" });
  const profileIds = () => ofSessions;
  unused = createUnusedProfiles({ dataDir, profiles: profiles as ProfileStore, profileIds, log });
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const notes = () => readdirSync(join(dataDir, "unused-profiles")).toSorted();

it("removes what was noted and no session has; a session's own login stays, without its note", async () => {
  await unused.settleAll(); // nothing was ever noted
  for (const id of ["had", "new"]) await unused.note(id);
  ofSessions.add("had").add("never-noted");
  await unused.settleAll();
  expect(removed).toEqual(["new"]);
  expect(notes()).toEqual([]);
});

it("keeps the note of what could not be removed, and goes on with the others", async () => {
  for (const id of ["a", "b"]) await unused.note(id);
  ofSessions.add("b");
  away = true;
  await unused.settleAll();
  expect(notes()).toEqual(["a"]);
  away = false;
  await unused.settleAll();
  expect([removed, notes()]).toEqual([["a"], []]);
});
