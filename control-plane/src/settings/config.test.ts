import { OperatorError } from "@whatsapp-engine/contract/api";
import { describe, expect, it } from "vitest";
import { parseConfig, PLACEHOLDER_API_KEY, settingNames } from "./config.ts";

const refusalOf = (environment: Record<string, string>): string => {
  try {
    parseConfig(environment);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
};

describe("parseConfig", () => {
  it("needs nothing", () => {
    expect(parseConfig({})).toMatchObject({
      port: 3000,
      host: "127.0.0.1",
      runtime: "auto",
      messages: { defaultCountry: "ID" },
    });
  });

  it("has memory brought back from 80 % of its limit on, unless told otherwise", () => {
    const soft = (env: Record<string, string>) => parseConfig(env).runner.memorySoftMb;
    expect(soft({ RUNNER_MEMORY_MB: "1000" })).toBe(800);
    expect(soft({ RUNNER_MEMORY_SOFT_MB: "0" })).toBe(0);
    expect(soft({ RUNNER_MEMORY_SOFT_MB: "300" })).toBe(300);
  });

  it("takes an empty variable as not given", () => {
    expect(parseConfig({ API_KEY: "", PORT: "" })).toMatchObject({ port: 3000, apiKey: undefined });
  });

  it("names every bad variable in one message", () => {
    const bad = {
      PORT: "http",
      RUNTIME: "podman",
      ALLOWED_IPS: "10.0.0.0/8, nonsense",
      RUNNER_BROWSER_ARGS: "--x",
    };
    try {
      parseConfig(bad);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(OperatorError);
      for (const name of Object.keys(bad)) expect((error as Error).message).toContain(name);
    }
  });

  it("refuses the placeholder and short keys without repeating them", () => {
    for (const key of [PLACEHOLDER_API_KEY, "short"]) {
      expect(() => parseConfig({ API_KEY: key })).toThrow(/API_KEY/);
      expect(() => parseConfig({ API_KEY: key })).not.toThrow(key);
    }
  });

  it("says what is wrong in words for people, whatever is", () => {
    for (const text of ["x".repeat(300), "-1", "1.5", "99999999999", " "])
      for (const name of settingNames) {
        const refusal = refusalOf({ [name]: text });
        expect(refusal, name).not.toMatch(/Invalid|expected|received|Too |undefined|NaN/);
        if (refusal !== "") expect(refusal).toContain(`Bad settings: ${name} `);
      }
  });
});
