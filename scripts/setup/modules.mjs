import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
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
  await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
  await ensureSqlite(options);
  writeFileSync(stampFile, stamp);
};

const loadsSqlite = () =>
  ask(process.execPath, ["-e", 'new (require("better-sqlite3"))(":memory:").close()']).ok;

/** What was compiled here before, for another checkout too. */
const compiled = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "whatsapp-engine");

/** better-sqlite3 brings a binary from GitHub; where that cannot be had, it is compiled, once for this machine's user. */
const ensureSqlite = async (options) => {
  if (loadsSqlite()) return;
  const folder = join(root, "node_modules", "better-sqlite3");
  say("Fetching the binary of better-sqlite3");
  const prebuilt = ask("sh", ["-c", `cd '${folder}' && npx --no-install prebuild-install`], {
    timeoutMs: 60_000,
    env: { npm_config_better_sqlite3_local_prebuilds: compiled },
  });
  if (prebuilt.ok && loadsSqlite()) return;
  note("It cannot be had here; compiling it instead, which takes one to two minutes");
  const tools = { python3: "python3", make: "make", "g++": "g++" };
  const missing = Object.keys(tools).filter((tool) => !hasCommand(tool));
  if (missing.length > 0) await installPackages(missing, "to compile better-sqlite3", options);
  await run("npm", ["rebuild", "better-sqlite3"], { env: headers() });
  if (!loadsSqlite()) throw new SetupError("better-sqlite3 was compiled but cannot be loaded.");
  keepCompiled(folder);
};

/** Where and as what prebuild-install looks for it. A home that cannot be written costs another build, no more. */
const keepCompiled = (folder) => {
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const { platform, arch, versions } = process;
  const name = `better-sqlite3-v${version}-node-v${versions.modules}-${platform}-${arch}.tar.gz`;
  try {
    mkdirSync(compiled, { recursive: true });
  } catch {
    return;
  }
  const path = join(compiled, name);
  const draft = `${path}.${process.pid}`;
  // Under its name it is whole: prebuild-install would take half of one for the binary, and look no further.
  if (ask("tar", ["-czf", draft, "-C", folder, "build/Release/better_sqlite3.node"]).ok)
    renameSync(draft, path);
  else rmSync(draft, { force: true });
};

/** Node's headers beside its executable spare a download, which closed networks do not allow. */
const headers = () => {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, "include/node/node.h")) ? { npm_config_nodedir: prefix } : {};
};
