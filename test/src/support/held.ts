import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { containerOf, docker } from "./docker.ts";
import type { Engine } from "./engine.ts";
import { runnerPid } from "./runner.ts";
import { until } from "./until.ts";

/** What a process holds when all garbage is collected. */
export type Held = {
  pid: number;
  heapBytes: number;
  /** Open file descriptors, sockets among them. */
  files: number;
  sockets: number;
  /** Of the names that should be forgotten, those that are in its heap. */
  names: string[];
};

const compiled = (name: string) => new URL(`../../dist/support/${name}.js`, import.meta.url).href;
/** Of an engine whose processes are asked; of its runners too where they are no stubs. */
export const heldNodeArgs = {
  controlPlane: ["--import", compiled("heap-probe")],
  withRunners: ["--import", compiled("heap-probe"), "--import", compiled("heap-probe-runners")],
};

export async function heldByControlPlane(engine: Engine): Promise<Held> {
  const lines = () => heldIn(engine.output(), engine.pid);
  const before = lines().length;
  process.kill(engine.pid, "SIGUSR2");
  return until("the control plane to tell what it holds", () => lines()[before]);
}

export async function heldByRunner(engine: Engine, sessionId: string): Promise<Held> {
  if (engine.runtime === "docker") {
    const container = await containerOf(engine.installId, sessionId);
    const lines = async () => heldIn((await docker("logs", container)).join("\n"));
    const before = (await lines()).length;
    await docker("kill", "--signal", "USR2", container);
    return until("the runner to tell what it holds", async () => (await lines())[before]);
  }
  const pid = runnerPid(engine, sessionId);
  const lines = () => heldIn(engine.output(), pid);
  const before = lines().length;
  process.kill(pid, "SIGUSR2");
  return until("the runner to tell what it holds", () => lines()[before]);
}

function heldIn(output: string, pid?: number): Held[] {
  const told = output.split("\n").filter((line) => line.startsWith('{"held":'));
  return told
    .map((line) => (JSON.parse(line) as { held: Held }).held)
    .filter((held) => pid === undefined || held.pid === pid);
}

/** The runner's image with the probe in it, under a name of its own. */
export async function buildProbedImage(names: string): Promise<{ image: string; remove(): Promise<void> }> {
  const image = `whatsapp-engine-runner-probed:${process.pid}`;
  const folder = mkdtempSync(join(tmpdir(), "whatsapp-engine-probe-"));
  try {
    const probe = join(folder, "heap-probe.mjs");
    copyFileSync(fileURLToPath(compiled("heap-probe")), probe);
    chmodSync(probe, 0o644);
    const lines = [
      `FROM ${process.env["RUNNER_IMAGE"] ?? "whatsapp-engine-runner:latest"}`,
      "COPY heap-probe.mjs /heap-probe.mjs",
      "ENV NODE_OPTIONS=--import=/heap-probe.mjs",
      `ENV HEAP_NAMES="${names.replaceAll("\\", "\\\\")}"`,
    ];
    writeFileSync(join(folder, "Dockerfile"), `${lines.join("\n")}\n`);
    await docker("build", "--quiet", "--tag", image, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    image,
    async remove() {
      await docker("image", "rm", image);
    },
  };
}
