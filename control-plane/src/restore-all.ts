import { createReadStream, createWriteStream, existsSync, readdirSync } from "node:fs";
import { mkdir, rename, rm, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { createGunzip } from "node:zlib";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { openDataDir } from "@whatsapp-engine/db";
import { readWhole } from "./logins/index.ts";
import { readConfig, runProgram, runtimeOf, say } from "./offline.ts";
import { DRAFT, noteRestored, RESTORED } from "./restored.ts";
import type { Runtime } from "./runtime/index.ts";

/*
 * `npm run restore-all -- FILE`: makes an installation of what `backup-all` wrote, in a data folder that has none. Without FILE it is read
 * from standard input. What waited when the backup was made may have gone out since: the next start gives it up as `unknown`, unless
 * `--send-waiting` says that no engine ran since.
 */

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { "send-waiting": { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const [file] = positionals;
  if (file === undefined && process.stdin.isTTY)
    throw new OperatorError("Say which: npm run restore-all -- FILE, or lead the file into standard input.");
  const settings = readConfig();
  const { dataDir } = settings.config;
  const taken = ["install.json", "engine.sqlite"].find((name) => existsSync(join(dataDir, name)));
  if (taken !== undefined)
    throw new OperatorError(
      `There is an installation in ${dataDir} already (${taken}); move it away, or give another DATA_DIR.`,
    );
  const hold = openDataDir(dataDir);
  const draft = join(dataDir, DRAFT);
  let runtime: Runtime | null | undefined;
  const imported: string[] = [];
  try {
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { mode: 0o700 });
    const { createdAt } = await readWhole(unzipped(file), {
      async file(path, entry) {
        const to = join(draft, path);
        if (entry.header.type === "directory")
          return void (await mkdir(to, { recursive: true, mode: 0o700 }));
        await mkdir(dirname(to), { recursive: true, mode: 0o700 });
        await pipeline(entry, createWriteStream(to, { mode: 0o600, flush: true }));
        const at = entry.header.mtime ?? new Date();
        await utimes(to, at, at); // the time of some says when the engine was last alive
      },
      async profile(profileId, tar) {
        runtime ??= await emptyRuntime(draft, settings);
        imported.push(profileId);
        await runtime.profiles.write(profileId, tar);
      },
    });
    if (!existsSync(join(draft, "install.json")))
      throw new OperatorError("The file is no backup that can be restored: it holds no install.json.");
    if (!values["send-waiting"]) noteRestored(draft);
    // That what waited is given up comes first, and what makes it an installation last.
    const ends = [RESTORED, "install.json"];
    const names = readdirSync(draft).filter((name) => !ends.includes(name));
    const first = existsSync(join(draft, RESTORED)) ? [RESTORED] : [];
    for (const name of [...first, ...names, "install.json"])
      await rename(join(draft, name), join(dataDir, name));
    await rm(draft, { recursive: true });
    const waiting = values["send-waiting"] ? "goes out" : "becomes `unknown`, as it may have gone out since";
    say(
      `${imported.length} logins and the data folder are as they were at ${createdAt}; what waited then ${waiting}. Start the engine, and none on the original.`,
    );
  } catch (error) {
    // What cannot be removed now the next try names; why it failed comes first.
    await Promise.allSettled(imported.map(async (profileId) => runtime?.profiles.remove(profileId)));
    await rm(draft, { recursive: true, force: true });
    throw asSentence(error);
  } finally {
    await runtime?.host.close();
    hold.release();
  }
}

function unzipped(file: string | undefined): Readable {
  const unzip = createGunzip();
  const source = file === undefined ? process.stdin : createReadStream(file);
  pipeline(source, unzip).catch(() => undefined); // whoever reads it learns of it
  return unzip;
}

/** Logins of the same installation that are there would be mixed with those of the backup. */
async function emptyRuntime(draft: string, settings: ReturnType<typeof readConfig>): Promise<Runtime> {
  const runtime = await runtimeOf(draft, settings);
  if (runtime === null)
    throw new OperatorError(
      "The file is no backup that can be restored: it has logins, and names no runtime.",
    );
  const [runners, profiles] = await Promise.all([runtime.host.list(), runtime.profiles.list()]);
  if (runners.length === 0 && profiles.length === 0) return runtime;
  await runtime.host.close();
  throw new OperatorError(
    `This machine has ${profiles.length} logins and ${runners.length} runners of the installation in the backup, which would be mixed with it; docs/operate.md says how to remove them.`,
  );
}

function asSentence(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code?.startsWith("Z_") === true)
    return new OperatorError(
      `The file is no whole backup, or not complete (${message}). Nothing was restored.`,
    );
  return error;
}

runProgram(main);
