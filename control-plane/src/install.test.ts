import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openApiKey, openInstall } from "./install.ts";

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "install-"))));
afterEach(() => rmSync(dir, { recursive: true }));

describe("openInstall", () => {
  it("is the same installation at every start, with the runtime it recorded", () => {
    const first = openInstall(dir, { inUse: false });
    first.recordRuntime("process");
    const again = openInstall(dir, { inUse: true });
    expect(again.installId).toBe(first.installId);
    expect(again.runtime).toBe("process");
    expect(again.runnerToken("r")).toBe(first.runnerToken("r"));
    expect(again.runnerToken("r")).not.toBe(again.runnerToken("s"));
    expect(statSync(join(dir, "install.json")).mode & 0o777).toBe(0o600);
  });

  it("does not make up another installation for logins that have lost theirs", () => {
    expect(() => openInstall(dir, { inUse: true })).toThrow(OperatorError);
    writeFileSync(join(dir, "install.json"), "{");
    expect(() => openInstall(dir, { inUse: false })).toThrow(/damaged/);
  });
});

describe("openApiKey", () => {
  it("makes a key once and keeps it", () => {
    const first = openApiKey(dir, undefined);
    expect(openApiKey(dir, undefined).key).toBe(first.key);
    expect(statSync(join(dir, "api-key")).mode & 0o777).toBe(0o600);
    expect(openApiKey(dir, "given-by-the-operator").key).toBe("given-by-the-operator");
  });

  it("tells how to read the key, and never the key itself", () => {
    const fresh = openApiKey(dir, undefined);
    for (const { where, hint } of [fresh, openApiKey(dir, undefined), openApiKey(dir, "given-by-somebody")])
      for (const text of [where, hint]) {
        expect(text).not.toContain(fresh.key);
        expect(text).not.toContain("given-by-somebody");
      }
    expect(execFileSync("sh", ["-c", `printf %s "${fresh.hint}"`], { encoding: "utf8" })).toBe(fresh.key);
    expect(openApiKey(dir, undefined, { inCompose: true }).where).toContain(
      `docker compose exec -T engine cat ${dir}/api-key`,
    );
  });

  it("writes the way to a key in an odd folder as a shell reads it", () => {
    const odd = join(dir, "it's a folder");
    mkdirSync(odd);
    const { key, hint } = openApiKey(odd, undefined);
    expect(execFileSync("sh", ["-c", `printf %s "${hint}"`], { encoding: "utf8" })).toBe(key);
  });

  it("refuses an empty key file", () => {
    writeFileSync(join(dir, "api-key"), "\n");
    chmodSync(join(dir, "api-key"), 0o600);
    expect(() => openApiKey(dir, undefined)).toThrow(OperatorError);
    expect(readFileSync(join(dir, "api-key"), "utf8")).toBe("\n");
  });
});
