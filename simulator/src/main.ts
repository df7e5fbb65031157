import { parseArgs } from "node:util";
import { startSimulator } from "./simulator.ts";

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "8443" },
    "control-port": { type: "string", default: "8444" },
    "browser-host": { type: "string" },
    build: { type: "string", default: "new" },
  },
});

const simulator = await startSimulator({
  host: values.host,
  port: Number(values.port),
  controlPort: Number(values["control-port"]),
  build: values.build === "old" ? "old" : "new",
});
const browserArgs = simulator.browserArgs(values["browser-host"] ?? undefined);
console.log(JSON.stringify({ browserArgs, controlUrl: simulator.controlUrl }));

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void simulator.close());
