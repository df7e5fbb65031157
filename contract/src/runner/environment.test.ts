import { expect, it } from "vitest";
import { encodeRunnerEnvironment, runnerEnvironmentSchema } from "./environment.ts";

const needed = {
  RUNNER_ID: "r1",
  RUNNER_PROFILE_ID: "p1",
  RUNNER_TOKEN: "0123456789abcdef",
  RUNNER_PROFILE_DIR: "/profile",
};

it("is read as it was written", () => {
  const given = {
    ...needed,
    RUNNER_GENERATION: 3,
    RUNNER_HOST: "0.0.0.0",
    RUNNER_PORT: 0,
    RUNNER_BROWSER_ARGS: ["--a=b c", '--d="e"'],
    RUNNER_CHROMIUM_PATH: "/chromium",
    RUNNER_UID: 1_900_000_001,
    RUNNER_START_TIMEOUT_SECONDS: 1.5,
    RUNNER_CONNECT_TIMEOUT_SECONDS: 2,
    RUNNER_QR_TIMEOUT_SECONDS: 0.5,
    RUNNER_MEMORY_SOFT_MB: 400,
    RUNNER_PROFILE_MAX_MB: 1_000,
    RUNNER_WHATSAPP_VERSION: "2.3000.1042401057",
    RUNNER_EXPECTS_LOGIN: true,
    RUNNER_HEALTH_FILE: "/tmp/connected",
    RUNNER_LOG_LEVEL: "debug" as const,
  };
  expect(Object.keys(given).toSorted()).toEqual(Object.keys(runnerEnvironmentSchema.shape).toSorted());
  const written = encodeRunnerEnvironment(given);
  expect(Object.values(written).filter((value) => typeof value !== "string")).toEqual([]);
  expect(runnerEnvironmentSchema.parse(written)).toEqual(given);
});

it("leaves out what was not given, and refuses what no runner would take", () => {
  expect(encodeRunnerEnvironment({ ...needed, RUNNER_UID: undefined })).toEqual(needed);
  expect(() => encodeRunnerEnvironment({ ...needed, RUNNER_TOKEN: "short" })).toThrow(/RUNNER_TOKEN/);
});
