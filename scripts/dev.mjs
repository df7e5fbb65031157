// npm run dev: compiles on every change and restarts the control plane on what was compiled. Both end together.
import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const commands = [
  ["npx", "tsc", "--build", "--watch", "--preserveWatchOutput"],
  [
    process.execPath,
    "--enable-source-maps",
    "--watch",
    "--watch-preserve-output",
    "control-plane/dist/main.js",
  ],
];
const children = commands.map(([command, ...args]) => spawn(command, args, { cwd: root, stdio: "inherit" }));
const endAll = () => {
  for (const child of children) child.kill("SIGTERM");
};

for (const child of children) {
  child.once("exit", (code) => {
    process.exitCode ??= code ?? 0;
    endAll();
  });
}
process.once("SIGINT", endAll);
process.once("SIGTERM", endAll);
