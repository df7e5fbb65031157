import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeDataFolder } from "../support/data-folder.ts";
import { processesWith } from "../support/processes.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

let folder: ReturnType<typeof makeDataFolder>;
beforeEach(() => {
  folder = makeDataFolder();
});
afterEach(() => folder.remove());

it("`npm start` hands a signal on to the engine, and leaves nothing running", async () => {
  const npm = spawn("npm", ["start"], {
    cwd: root,
    env: {
      PATH: process.env["PATH"],
      DATA_DIR: folder.dataDir,
      RUNTIME: "process",
      API_KEY: "a-key-for-this-suite-only",
      PORT: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(npm, "close");
  let said = "";
  npm.stdout.setEncoding("utf8");
  for await (const chunk of npm.stdout) {
    said += chunk as string;
    if (!npm.killed && said.includes("engine started")) npm.kill("SIGTERM");
  }
  await ended;
  expect(said).toContain("engine stopped");
  expect(processesWith(folder.dataDir)).toEqual([]);
});
