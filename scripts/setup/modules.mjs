import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { installPackages } from "./packages.mjs";
import { SetupError, ask, hasCommand, note, root, run, say } from "./run.mjs";

const stampFile = join(root, "node_modules", ".setup-stamp");

/** Installs the npm packages of the lockfile, if that has changed since, and sees that better-sqlite3 loads. */
export const ensureModules = async (options) => {
  const lock = readFileSync(join(root, "package-lock.json"));
  const stamp = `${createHash("sha256").update(lock).digest("hex")} ${process.versions.modules}\n`;
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp && loadsSqlite())
    return note("npm packages: up to date");
  if (!options.install) throw new SetupError("The npm packages are missing or outdated; run npm run setup.");
  say("Installing npm packages");
  // No package's own scripts are run, but for the one that needs its binary.
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
  await ensureSqlite(options);
  writeFileSync(stampFile, stamp);
};

const loadsSqlite = () =>
  ask(process.execPath, ["-e", 'new (require("better-sqlite3"))(":memory:").close()']).ok;

/** better-sqlite3 brings a binary from GitHub; where that cannot be had, it is compiled. */
const ensureSqlite = async (options) => {
  if (loadsSqlite()) return;
  const folder = join(root, "node_modules", "better-sqlite3");
  say("Fetching the binary of better-sqlite3");
  const prebuilt = ask("sh", ["-c", `cd '${folder}' && npx --no-install prebuild-install`], {
    timeoutMs: 60_000,
  });
  if (prebuilt.ok && loadsSqlite()) return;
  note("It cannot be had here; compiling it instead, which takes one to two minutes");
  const tools = { python3: "python3", make: "make", "g++": "g++" };
  const missing = Object.keys(tools).filter((tool) => !hasCommand(tool));
  if (missing.length > 0) await installPackages(missing, "to compile better-sqlite3", options);
  run("npm", ["rebuild", "better-sqlite3"], { env: headers() });
  if (!loadsSqlite()) throw new SetupError("better-sqlite3 was compiled but cannot be loaded.");
};

/** Node's headers beside its executable spare a download, which closed networks do not allow. */
const headers = () => {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, "include/node/node.h")) ? { npm_config_nodedir: prefix } : {};
};
