import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeDataFolder } from "../support/data-folder.ts";
import { startProgram, type Program, type Settings } from "../support/program.ts";

const KEY = "a-key-for-this-suite-only";

/** Settings as an operator gives them: by `.env`, by a secret's file, or not at all. */
describe("settings", () => {
  let folder: ReturnType<typeof makeDataFolder>;
  let program: Program | undefined;
  beforeEach(() => {
    folder = makeDataFolder();
  });
  afterEach(async () => {
    if (program?.running === true) program.kill("SIGTERM");
    await program?.ended;
    folder.remove();
  });

  async function start(settings: Settings, { terminal = false } = {}) {
    const own = { DATA_DIR: folder.dataDir, RUNTIME: "process", PORT: "0", WHATSAPP_LOOK_SECONDS: "0" };
    program = startProgram({
      cwd: folder.path,
      settings: { ...own, ...settings },
      terminal,
    });
    const [, url = ""] = await program.says(/"url":"([^"]+)".*"msg":"engine started"/);
    const output = () => program!.stdout() + program!.stderr();
    return { program, url, output };
  }
  const sessions = (url: string, key: string) => fetch(`${url}/sessions`, { headers: { "X-API-Key": key } });

  it("counts the first line of a .env with a byte order mark", async () => {
    writeFileSync(join(folder.path, ".env"), `\uFEFFAPI_KEY=${KEY}\r\nSEND_BURST=3\r\n`);
    const { url } = await start({});
    expect((await sessions(url, KEY)).status).toBe(200);
  });

  it("says which names are none of a setting, and the nearest one", async () => {
    writeFileSync(join(folder.path, ".env"), `API_KEY=${KEY}\nSTOPWORDS=STOP\n`);
    const { output } = await start({ WEBHOOKS_URL: "https://example.com/secret" });
    for (const [wrong, nearest] of [
      ["STOPWORDS", "STOP_WORDS"],
      ["WEBHOOKS_URL", "WEBHOOK_ALLOW_PRIVATE"],
    ])
      expect(output()).toMatch(new RegExp(`"level":"warn".*"${wrong} is not a setting.* ${nearest}`));
    expect(output()).not.toContain("example.com/secret");
  });

  it("reads the key from API_KEY_FILE", async () => {
    const file = join(folder.path, "secret");
    writeFileSync(file, `${KEY}\n`, { mode: 0o600 });
    const { url, output } = await start({ API_KEY_FILE: file });
    expect((await sessions(url, KEY)).status).toBe(200);
    expect(output()).not.toContain(KEY);
  });

  it.each([false, true])(
    "leaves the key that it makes out of all it says; in a terminal: %s",
    async (terminal) => {
      mkdirSync(folder.dataDir, { recursive: true, mode: 0o711 });
      const { program: engine, url, output } = await start({}, { terminal });
      const file = join(folder.dataDir, "api-key");
      const key = readFileSync(file, "utf8").trim();
      expect((await sessions(url, key)).status).toBe(200);
      if (terminal) await engine.says(/Next, in another terminal/);
      engine.kill("SIGTERM");
      await engine.ended;
      expect(output()).toContain(`read it with: cat ${file}`);
      expect(output()).not.toContain(key);
    },
  );
});
