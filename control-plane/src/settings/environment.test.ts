import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readEnvFile } from "./env-file.ts";
import { readEnvironment } from "./environment.ts";
import { withSecretFiles } from "./secret-files.ts";
import { unknownSettings } from "./unknown-settings.ts";

let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), "settings-"))));
afterEach(() => rmSync(dir, { recursive: true }));

const write = (text: string | Uint8Array, name = ".env") => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
};

describe("readEnvFile", () => {
  it("reads what Windows editors write: a byte order mark and their line ends", () => {
    const path = write("\uFEFFPORT=4000\r\nSTOP_WORDS=STOP,BERHENTI\r\n");
    expect(readEnvFile(path)).toEqual({ PORT: "4000", STOP_WORDS: "STOP,BERHENTI" });
  });

  it("says nothing where there is none", () => {
    expect(readEnvFile(join(dir, ".env"))).toEqual({});
  });

  it.each([
    ["UTF-16", () => write(Buffer.from("\uFEFFPORT=4000\n", "utf16le")), /not UTF-8; save it as UTF-8/],
    [
      "a folder",
      () => {
        mkdirSync(join(dir, "folder"));
        return join(dir, "folder");
      },
      /is a folder/,
    ],
  ])("refuses %s by name", (_, make, why) => {
    const path = make();
    expect(() => readEnvFile(path)).toThrow(OperatorError);
    expect(() => readEnvFile(path)).toThrow(why);
    expect(() => readEnvFile(path)).toThrow(path);
  });
});

describe("unknownSettings", () => {
  const ofFile = (...inFile: string[]) => unknownSettings({ environment: {}, inFile }).join("\n");
  const ofEnvironment = (...names: string[]) =>
    unknownSettings({ environment: Object.fromEntries(names.map((name) => [name, "x"])), inFile: [] }).join(
      "\n",
    );

  it.each([
    ["STOPWORDS", "STOP_WORDS"],
    ["STOP-WORDS", "STOP"],
    ["stop_words", "STOP_WORDS"],
    ["MESSAGE_RETENTION_DAY", "MESSAGE_RETENTION_DAYS"],
    ["ALLOWEDIP", "ALLOWED_IPS"],
    ["APIKEY", "API_KEY"],
    ["WEBHOOKS_URL", "WEBHOOK_ALLOW_PRIVATE"],
    ["port", "PORT"],
  ])("says of %s that it has no effect, and names %s", (name, nearest) => {
    for (const said of [ofFile(name), ...(/-/.test(name) ? [] : [ofEnvironment(name)])]) {
      expect(said).toContain(nearest);
      expect(said).toContain("no effect");
    }
  });

  it("says it of anything else in the file, but for what other programs are known by", () => {
    expect(ofFile("COLOUR")).toContain("COLOUR is not a setting");
    expect(
      ofFile("COMPOSE_PROJECT_NAME", "NODE_OPTIONS", "TZ", "HTTPS_PROXY", "https_proxy", "DOCKER_SOCKET"),
    ).toBe("");
  });

  it("says nothing of an environment's other names", () => {
    const others =
      "PATH HOME HOSTNAME HOSTTYPE PWD SHLVL LANG TERM USER MAIL EDITOR LOGNAME OLDPWD SSH_CONNECTION DOCKER_CONFIG DOCKER_BUILDKIT NODE_ENV NODE_OPTIONS RUNNER_OS RUNNER_ARCH RUNNER_NAME RUNNER_TEMP RUNNER_TOOL_CACHE RUNNER_ENVIRONMENT RUNNER_DEBUG GITHUB_ACTIONS CI OPENAI_API_KEY MAIL_HOST DB_HOST DB_PORT REDIS_PORT KUBERNETES_SERVICE_HOST XDG_RUNTIME_DIR DATABASE_URL CHROME_PATH MAX_JOBS LOG_FORMAT npm_config_cache ENV_FILE_OF_COMPOSE INVOCATION_ID JOURNAL_STREAM";
    expect(ofEnvironment(...others.split(" "))).toBe("");
  });

  it("tells a line that is not NAME=value by its first word, not by what may be a secret", () => {
    const inFile = Object.keys(readEnvFile(write("API_KEY: a-key-of-my-own\nMEDIA_MAX_MB=4\n")));
    const [said = "", ...more] = unknownSettings({ environment: {}, inFile });
    expect(more).toEqual([]);
    expect(said).toContain('begins with "API_KEY"');
    expect(said).not.toContain("a-key-of-my-own");
  });
});

describe("readEnvironment", () => {
  it("with Compose looks for wrong names alone, and takes no value from the file", () => {
    const path = write("\uFEFFPORT=4000\nSTOPWORDS=STOP\n");
    const { environment, warnings } = readEnvironment({ ENV_FILE_OF_COMPOSE: path, HOST: "::1" });
    expect(environment["PORT"]).toBeUndefined();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("STOP_WORDS");
  });

  it("with Compose starts without a file, or with one that cannot be read", () => {
    for (const path of [join(dir, "none"), dir])
      expect(readEnvironment({ ENV_FILE_OF_COMPOSE: path }).warnings).toEqual([]);
  });
});

describe("withSecretFiles", () => {
  it("takes the key from its file, without the line's end", () => {
    const path = write("a-key-of-twenty-chars\n", "key");
    expect(withSecretFiles({ API_KEY_FILE: path, PORT: "1" })).toEqual({
      API_KEY_FILE: path,
      API_KEY: "a-key-of-twenty-chars",
      PORT: "1",
    });
  });

  it("takes empty ones as not given", () => {
    const path = write("a-key-of-twenty-chars", "key");
    expect(withSecretFiles({ API_KEY: "k", API_KEY_FILE: "" })["API_KEY"]).toBe("k");
    expect(withSecretFiles({ API_KEY: "", API_KEY_FILE: path })["API_KEY"]).toBe("a-key-of-twenty-chars");
  });

  const refusal = (environment: Record<string, string>) => {
    try {
      withSecretFiles(environment);
    } catch (error) {
      expect(error).toBeInstanceOf(OperatorError);
      return (error as Error).message;
    }
    return expect.unreachable();
  };

  it("names setting and file where it cannot, and never the secret", () => {
    expect(refusal({ API_KEY_FILE: join(dir, "none") })).toMatch(/^API_KEY_FILE: .*none is missing/);
    expect(refusal({ API_KEY_FILE: dir })).toContain("is not a file");
    expect(refusal({ API_KEY_FILE: write("\n", "empty") })).toContain("is empty");
    expect(refusal({ API_KEY_FILE: write("x".repeat(5000), "large") })).toContain("is larger than");
    const both = refusal({ API_KEY: "one-key-of-these", API_KEY_FILE: write("the-other-key-here", "key") });
    expect(both).toContain("API_KEY and API_KEY_FILE are both given");
    expect(both).not.toMatch(/one-key|other-key/);
  });

  it.skipIf(process.getuid?.() === 0)("says who may not read it", () => {
    const path = write("a-key-of-twenty-chars", "key");
    chmodSync(path, 0);
    expect(refusal({ API_KEY_FILE: path })).toContain("may not be read by this user");
  });
});
