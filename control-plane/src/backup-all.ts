import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { createGzip } from "node:zlib";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { holdStill } from "@whatsapp-engine/db";
import { packWhole } from "./logins/index.ts";
import { endRunners, onInstallation, runProgram, say } from "./offline.ts";

/*
 * `npm run backup-all -- FILE`: everything of this installation in one file, mode 0600: the data folder and every login. Without FILE
 * it goes to standard output. Ends the runners first, as `stop-all` does: a login in use cannot be copied whole.
 */

async function main(): Promise<void> {
  const [file] = parseArgs({ allowPositionals: true }).positionals;
  if (file === undefined && process.stdout.isTTY)
    throw new OperatorError("Say where to: npm run backup-all -- FILE, or lead standard output into a file.");
  await onInstallation(async ({ config, runtime }) => {
    const { dataDir } = config;
    if (file !== undefined && resolve(file).startsWith(`${dataDir}/`))
      throw new OperatorError(
        `${file} would be within ${dataDir}, which is what is backed up; name another place.`,
      );
    if (runtime) await endRunners(runtime);
    const profileIds = runtime ? await runtime.profiles.list() : [];
    const still = holdStill(dataDir);
    try {
      const tar = packWhole({
        dataDir,
        profileIds,
        profile: (profileId) => runtime!.profiles.read(profileId),
        createdAt: new Date().toISOString(),
      });
      const zipped = createGzip({ level: 1 });
      if (file === undefined) await pipeline(tar, zipped, process.stdout);
      else await writeWhole(file, async (into) => pipeline(tar, zipped, into));
    } finally {
      still.release();
    }
    say(
      `${file ?? "Standard output"} has the data folder and ${profileIds.length} logins, keys among them: keep it where only you read.`,
    );
  });
}

/** Under its name only once all of it is on the disk. */
async function writeWhole(
  file: string,
  write: (into: ReturnType<typeof createWriteStream>) => Promise<void>,
) {
  const draft = `${file}.part`;
  const into = createWriteStream(draft, { mode: 0o600 });
  try {
    await once(into, "open");
    await write(into);
    const written = await open(draft, "r");
    await written.sync();
    await written.close();
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

runProgram(main);
