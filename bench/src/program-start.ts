import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { progress } from "./progress.ts";
import { heading, row, summarise } from "./statistics.ts";

/*
 * `npm run bench -- program-start`: what it costs Node to read a program, as the compiler leaves it (`dist/`, a file a module)
 * and as it runs (`build/`, a bundle). In turn, so that a machine that drifts treats both alike.
 */

const ROUNDS = 21;
const root = new URL("../../", import.meta.url);

type Cost = { wallMs: number; cpuMs: number; peakMiB: number };

/** Has a program tell at its end what it used. */
const TELL = `process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  process.stdout.write("\\n" + JSON.stringify({ cpuMs: (userCPUTime + systemCPUTime) / 1000, peakMiB: maxRSS / 1024 }));
})`;

async function costOf(args: readonly string[]): Promise<Cost> {
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    [`--import=data:text/javascript,${encodeURIComponent(TELL)}`, ...args],
    {
      // A setting that is refused ends the control plane as soon as it is read.
      env: { PATH: process.env["PATH"], PORT: "none" },
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  const [said] = await Promise.all([text(child.stdout), once(child, "exit")]);
  const wallMs = performance.now() - startedAt;
  return { wallMs, ...(JSON.parse(said.split("\n").at(-1) ?? "") as Omit<Cost, "wallMs">) };
}

/** Node's arguments to read the part of the runner that holds the library. */
function library(folder: "dist" | "build"): string[] {
  const base = new URL(folder === "dist" ? "runner/dist/whatsapp/" : "runner/build/", root);
  const name = readdirSync(base).find((file) => /^wwebjs(-[A-Z0-9]{8})?\.js$/.test(file));
  return ["--input-type=module", "--eval", `await import("${new URL(name ?? "", base).href}")`];
}

const controlPlane = (folder: string) => [fileURLToPath(new URL(`control-plane/${folder}/main.js`, root))];

export async function measureProgramStart(say: (text: string) => void): Promise<void> {
  say(heading);
  for (const [what, of] of [
    ["control plane", controlPlane],
    ["runner's library", library],
  ] as const) {
    const costs: Record<"dist" | "build", Cost[]> = { dist: [], build: [] };
    for (let round = 0; round <= ROUNDS; round++) {
      progress(what, round, ROUNDS);
      for (const folder of ["dist", "build"] as const) {
        const cost = await costOf(of(folder));
        if (round > 0) costs[folder].push(cost); // the first one warms the disk's cache
      }
    }
    for (const [name, pick, unit] of [
      ["time", (cost: Cost) => cost.wallMs, "ms"],
      ["processor", (cost: Cost) => cost.cpuMs, "ms"],
      ["peak memory", (cost: Cost) => cost.peakMiB, "MiB"],
    ] as const) {
      const [modules, bundle] = [summarise(costs.dist.map(pick)), summarise(costs.build.map(pick))];
      say(row(`${what}, a file a module: ${name}`, modules, unit));
      say(row(`${what}, bundle: ${name}`, bundle, unit, modules));
    }
  }
}
