/*
 * Loaded before the control plane's program (`node --import`): the runners that it starts as children are stubs then.
 */
import { fileURLToPath } from "node:url";
import { changeRunners } from "./change-runners.ts";

const stub = fileURLToPath(new URL("stub-runner.js", import.meta.url));
changeRunners(() => ({ args: [stub], env: {} }));
