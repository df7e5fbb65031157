import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";

const good = {
  RUNNER_ID: "r1",
  RUNNER_PROFILE_ID: "p1",
  RUNNER_TOKEN: "0123456789abcdef",
  RUNNER_PROFILE_DIR: "/profile",
};

test("reads units and lists, and takes an empty variable for one that is not set", () => {
  const config = parseConfig({
    ...good,
    RUNNER_QR_TIMEOUT_SECONDS: "1.5",
    RUNNER_BROWSER_ARGS: '["--a=b"]',
    RUNNER_UID: "",
  });
  expect(config).toMatchObject({ qrTimeoutMs: 1500, browserArgs: ["--a=b"], uid: null, port: 8080 });
});

test("names every bad variable at once", () => {
  const bad = {
    ...good,
    RUNNER_ID: "",
    RUNNER_PORT: "http",
    RUNNER_BROWSER_ARGS: "--a",
    RUNNER_PROFILE_DIR: "data",
  };
  expect(() => parseConfig(bad)).toThrow(/RUNNER_ID.*RUNNER_PROFILE_DIR.*RUNNER_PORT.*RUNNER_BROWSER_ARGS/);
});

test("says what is wrong in words for people", () => {
  const bad = {
    ...good,
    RUNNER_ID: undefined,
    RUNNER_TOKEN: "x",
    RUNNER_PORT: "http",
    RUNNER_LOG_LEVEL: "loud",
  };
  expect(() => parseConfig(bad)).toThrow(
    "The runner's settings are wrong: RUNNER_ID is missing; RUNNER_TOKEN must be at least 16 characters long; it has 1; " +
      "RUNNER_PORT must be a whole number from 0 to 65535; RUNNER_LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent.",
  );
});
