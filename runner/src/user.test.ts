import { chmod, cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RUNNER_UID } from "./test-support/run-runner.ts";
import { makeWorld, type World } from "./test-support/world.ts";

/** What the library reads from where it is installed. */
const PACKAGES = ["whatsapp-web.js", "fluent-ffmpeg", "which", "isexe"];

let world: World;
let closed: string;
beforeEach(async () => {
  world = await makeWorld();
  closed = await mkdtemp(join(tmpdir(), "closed-"));
});
afterEach(async () => {
  await world.end();
  await rm(closed, { recursive: true });
});

test.runIf(process.getuid?.() === 0)(
  "where only root may read its code, it runs as another user all the same",
  async () => {
    const root = join(import.meta.dirname, "../..");
    for (const path of ["runner/build", ...PACKAGES.map((name) => `node_modules/${name}`)])
      await cp(join(root, path), join(closed, path), { recursive: true });
    await chmod(closed, 0o700);
    const runner = await world.start({}, join(closed, "runner/build/main.js"));
    const { whatsappVersion } = await runner.state(({ qr }) => qr !== null);
    expect(whatsappVersion).not.toBeNull();
    const status = await readFile(`/proc/${runner.process.pid}/status`, "utf8");
    expect(status).toMatch(new RegExp(`^Uid:(\t${RUNNER_UID}){4}$`, "m"));
    expect(status).toMatch(new RegExp(`^Gid:(\t${RUNNER_UID}){4}$`, "m"));
    expect(status).toMatch(/^Groups:\s*$/m);
  },
);
