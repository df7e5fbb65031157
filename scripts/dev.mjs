// npm run dev: compiles and bundles on every change, and restarts the control plane on the new bundle. All end together.
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const compile = [join(root, "node_modules/.bin/tsc"), "--build", "--watch", "--preserveWatchOutput"];
const bundle = [join(root, "scripts/bundle.mjs"), "--watch"];
const serve = ["--enable-source-maps", "--watch", "--watch-preserve-output", "control-plane/build/main.js"];

// Each leads a process group, since both start processes of their own that must end with them.
const children = [compile, bundle, serve].map((args) =>
  spawn(process.execPath, args, { cwd: root, stdio: "inherit", detached: true }),
);
const running = new Set(children);

const endAll = () => {
  for (const { pid } of running) process.kill(-pid, "SIGTERM");
};

for (const child of children) {
  child.once("exit", (code) => {
    running.delete(child);
    process.exitCode ??= code ?? 0;
    endAll();
  });
}
process.on("SIGINT", endAll);
process.on("SIGTERM", endAll);
