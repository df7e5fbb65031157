import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { openDatabase } from "@whatsapp-engine/db";
import { afterEach, beforeEach, describe, expect, inject, it } from "vitest";
import { makeDataFolder } from "../support/data-folder.ts";
import { startEngine } from "../support/engine.ts";
import { startProgram, type Settings } from "../support/program.ts";

const API_KEY = "a-key-for-this-suite-only";

/** What an operator can get wrong: each ends with one clear sentence on stderr and exit code 1, and changes nothing. */
describe("a mistake of the operator", () => {
  let folder: ReturnType<typeof makeDataFolder>;
  beforeEach(() => {
    folder = makeDataFolder();
  });
  afterEach(() => folder.remove());

  /** Runs the engine, which must refuse; answers its one sentence. */
  async function refusal(settings: Settings = {}): Promise<string> {
    const program = startProgram({
      cwd: folder.path,
      settings: { DATA_DIR: folder.dataDir, RUNTIME: "process", API_KEY, PORT: "0", ...settings },
    });
    // One that starts after all is ended, so that the test fails on its answer.
    const started = program.says(/engine started/).then(
      () => program.kill("SIGKILL"),
      () => undefined,
    );
    const { code } = await program.ended;
    await started;
    expect(code, program.stdout()).toBe(1);
    const sentence = program.stderr().trimEnd();
    expect(sentence.split("\n")).toHaveLength(1);
    // A command to type stands at the end, without a full stop to copy with it.
    expect(sentence).toMatch(/^[A-Z/].{20,}(\.|: npm run \w+)$/);
    return sentence;
  }

  it("bad settings: all are named at once", async () => {
    const sentence = await refusal({ PORT: "http", RUNTIME: "podman", QR_TIMEOUT_SECONDS: "5" });
    for (const name of ["PORT", "RUNTIME", "QR_TIMEOUT_SECONDS", "env.example"])
      expect(sentence).toContain(name);
    expect(existsSync(folder.dataDir)).toBe(false);
  });

  it("the placeholder key of env.example", async () => {
    const example = readFileSync(new URL("../../../env.example", import.meta.url), "utf8");
    const placeholder = /^#? ?API_KEY=(.+)$/m.exec(example)?.[1] ?? "";
    const sentence = await refusal({ API_KEY: placeholder });
    expect(sentence).toContain("API_KEY");
    expect(sentence).not.toContain(placeholder);
    expect(existsSync(folder.dataDir)).toBe(false);
  });

  it("a short key, and its text is not repeated", async () => {
    const sentence = await refusal({ API_KEY: "hunter2" });
    expect(sentence).toContain("API_KEY");
    expect(sentence).not.toContain("hunter2");
  });

  it("settings in a .env file count", async () => {
    writeFileSync(join(folder.path, ".env"), "MEDIA_MAX_MB=lots\n");
    expect(await refusal()).toContain("MEDIA_MAX_MB");
  });

  it("no browser", async () => {
    const path = join(folder.path, "no-chromium");
    expect(await refusal({ CHROMIUM_PATH: path })).toContain(path);
  });

  it.skipIf(inject("dockerMissing") !== null)("no runner image", async () => {
    const image = "whatsapp-engine-no-such-image:latest";
    const sentence = await refusal({ RUNTIME: "docker", RUNNER_IMAGE: image });
    expect(sentence).toContain(image);
    expect(sentence).toContain("npm run setup");
  });

  it("a port that is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      expect(await refusal({ PORT: String(port) })).toMatch(new RegExp(`Port ${port}.* in use`));
    } finally {
      server.close();
    }
  });

  it("an address that this machine has not", async () => {
    expect(await refusal({ HOST: "192.0.2.1" })).toContain("192.0.2.1");
  });

  it("a data folder that cannot be made", async () => {
    const file = join(folder.path, "file");
    writeFileSync(file, "");
    expect(await refusal({ DATA_DIR: join(file, "data") })).toContain(join(file, "data"));
  });

  // Nobody may make files there, root included.
  it.each(["/proc/sys/kernel", "/sys/kernel"])(
    "a data folder that cannot be written: %s",
    async (dataDir) => {
      expect(await refusal({ DATA_DIR: dataDir })).toContain(`${dataDir} is not writable`);
    },
  );

  it("a database that is not one", async () => {
    mkdirSync(folder.dataDir, { mode: 0o711 });
    const file = join(folder.dataDir, "engine.sqlite");
    const before = Buffer.from(
      "This is no database, but a text that is long enough to be read as one. ".repeat(80),
    );
    writeFileSync(file, before);
    expect(await refusal()).toMatch(/engine\.sqlite is damaged.*restore it from a backup/);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it("a damaged database", async () => {
    openDatabase(folder.dataDir).close();
    const file = join(folder.dataDir, "engine.sqlite");
    const before = readFileSync(file);
    before.fill(0xa5, 4096, 4096 * 3);
    writeFileSync(file, before);
    expect(await refusal()).toMatch(/engine\.sqlite is damaged/);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it("a database of a newer engine", async () => {
    openDatabase(folder.dataDir).close();
    const file = join(folder.dataDir, "engine.sqlite");
    const sqlite = new Sqlite(file);
    sqlite.exec("insert into __drizzle_migrations (hash, created_at) values ('later', 99999999999999)");
    sqlite.close();
    const before = readFileSync(file);
    expect(await refusal()).toMatch(/newer version of the engine/);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it("a damaged install.json: its keys are not made anew", async () => {
    openDatabase(folder.dataDir).close();
    const file = join(folder.dataDir, "install.json");
    writeFileSync(file, '{"installId":"');
    expect(await refusal()).toContain(file);
    expect(readFileSync(file, "utf8")).toBe('{"installId":"');
  });

  it("an empty key file", async () => {
    openDatabase(folder.dataDir).close();
    writeFileSync(join(folder.dataDir, "api-key"), "\n");
    expect(await refusal({ API_KEY: "" })).toContain("api-key");
  });

  it("a data folder that another engine holds, or whose logins another runtime keeps", async () => {
    const engine = await startEngine({ runtime: "process" });
    try {
      expect(await refusal({ DATA_DIR: engine.dataDir })).toContain("Another engine is running");
      await engine.api("POST /sessions", { sessionId: "s" });
      await engine.kill("SIGTERM");
      expect(await refusal({ DATA_DIR: engine.dataDir, RUNTIME: "docker" })).toContain("RUNTIME=process");
    } finally {
      await engine.stop();
    }
  });
});
