import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "@whatsapp-engine/contract";
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
    expect(first).toMatchObject({ made: true });
    expect(openApiKey(dir, undefined)).toMatchObject({ made: false, key: first.key });
    expect(statSync(join(dir, "api-key")).mode & 0o777).toBe(0o600);
    expect(openApiKey(dir, "given-by-the-operator")).toMatchObject({
      key: "given-by-the-operator",
      made: false,
    });
  });

  it("refuses an empty key file", () => {
    writeFileSync(join(dir, "api-key"), "\n");
    chmodSync(join(dir, "api-key"), 0o600);
    expect(() => openApiKey(dir, undefined)).toThrow(OperatorError);
    expect(readFileSync(join(dir, "api-key"), "utf8")).toBe("\n");
  });
});
