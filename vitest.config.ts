import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Suites beside the source that need a Docker engine. */
const DOCKER = "control-plane/src/runtime/docker/*.test.ts";
/** What kills, loses and wears out, and what takes long by itself: `npm run test:slow`. */
const SLOW = [
  "test/src/{crash,chaos,soak}/**/*.test.ts",
  "test/src/sessions/{backup,canary*,hibernation,version-pin*,warm-runners}.test.ts",
  "test/src/api/hostile-calls.test.ts",
  "test/src/operator/whole-backup.test.ts",
  "runner/src/whatsapp/mending.test.ts",
];
/** Builds the engine's own image, which takes minutes: `npm run test:compose`. */
const COMPOSE = "test/src/operator/compose.test.ts";

const slow = { testTimeout: 90_000, hookTimeout: 90_000 };

/** Most of a suite's time is waiting: for a browser, a container, a timer. */
const FILES_AT_ONCE = Number(process.env["TEST_FILES_AT_ONCE"] ?? availableParallelism() + 1);

/** Files that take minutes, most of them of waiting: one that began last would have all others wait for it. */
const LONGEST = /\/(mending|session-matrix|canary|backup|verbs|outcomes|login)\.test\.ts$/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- this sort is no array's
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => Number(LONGEST.test(b.moduleId)) - Number(LONGEST.test(a.moduleId)));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    globalSetup: ["test/src/support/chromium.ts"],
    maxWorkers: FILES_AT_ONCE,
    projects: [
      {
        test: {
          name: "unit",
          include: ["{contract,db,processes,control-plane}/src/**/*.test.ts"],
          exclude: [DOCKER],
          testTimeout: 30_000,
        },
      },
      {
        test: { name: "simulator", include: ["simulator/src/**/*.test.ts"], ...slow },
      },
      {
        test: { name: "runner", include: ["runner/src/**/*.test.ts"], exclude: SLOW, ...slow },
      },
      {
        test: {
          name: "engine",
          include: ["test/src/**/*.test.ts", DOCKER],
          exclude: [COMPOSE, ...SLOW],
          globalSetup: ["test/src/support/docker-engine.ts"],
          ...slow,
        },
      },
      {
        test: {
          name: "slow",
          include: SLOW,
          globalSetup: ["test/src/support/docker-engine.ts"],
          ...slow,
        },
      },
      {
        test: {
          name: "compose",
          include: [COMPOSE],
          globalSetup: ["test/src/support/docker-engine.ts"],
          ...slow,
        },
      },
    ],
  },
});
