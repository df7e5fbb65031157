import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createProcessRuntime } from "../runtime/process/process.ts";
import { unusedProfiles } from "./test-support/unused-profiles.ts";
import { runnerSettings } from "../runtime/test-support/runner-settings.ts";

unusedProfiles("the process runtime", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "recovery-"));
  await chmod(dataDir, 0o711);
  const runtime = createProcessRuntime({
    dataDir,
    runnerEntry: join(import.meta.dirname, "../runtime/test-support/stub-runner.mjs"),
    // Any executable will do: the stub starts no browser.
    chromiumPath: process.execPath,
    runner: runnerSettings,
    uids: { first: 1_900_000_000, last: 1_999_999_999 },
    environment: { PATH: process.env["PATH"] },
    log: pino({ level: "silent" }),
  });
  return {
    runtime,
    async dispose() {
      await runtime.host.close();
      await rm(dataDir, { recursive: true });
    },
  };
});
