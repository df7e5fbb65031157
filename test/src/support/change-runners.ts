import childProcess, { type SpawnOptions } from "node:child_process";
import { syncBuiltinESMExports } from "node:module";

type Changed = {
  /** Node's arguments, the program among them. */
  args: readonly string[];
  /** Besides what the runner is told: its environment is its own, and ours does not reach it. */
  env: Readonly<Record<string, string>>;
};

/** Has the runners that this process starts as children be started otherwise; `entry` is the runner's program. */
export function changeRunners(change: (entry: string) => Changed): void {
  const { spawn } = childProcess;
  const spawnChanged = (program: string, given: readonly string[], options: SpawnOptions) => {
    const entry = given.at(-1);
    if (entry?.endsWith("/runner/build/main.js") !== true) return spawn(program, given, options);
    const { args, env } = change(entry);
    return spawn(program, [...given.slice(0, -1), ...args], { ...options, env: { ...options.env, ...env } });
  };
  childProcess.spawn = spawnChanged as typeof spawn;
  syncBuiltinESMExports();
}
