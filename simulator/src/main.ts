import { parseArgs } from "node:util";
import { builds, isBuild, newestBuild } from "./builds.ts";
import { startSimulator } from "./simulator.ts";

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "8443" },
    "control-port": { type: "string", default: "8444" },
    "browser-host": { type: "string" },
    build: { type: "string", default: newestBuild },
  },
});

const { build } = values;
if (!isBuild(build)) {
  console.error(`--build must be one of ${builds.join(", ")}, not "${build}".`);
  process.exit(1);
}

const simulator = await startSimulator({
  host: values.host,
  port: Number(values.port),
  controlPort: Number(values["control-port"]),
  build,
}).catch((error: Error) => {
  console.error(`The simulator could not start: ${error.message}.`);
  process.exit(1);
});
const browserArgs = simulator.browserArgs(values["browser-host"]);
console.log(JSON.stringify({ browserArgs, controlUrl: simulator.controlUrl }));

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void simulator.close());
