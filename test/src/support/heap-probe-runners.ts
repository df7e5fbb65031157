/*
 * Loaded before the control plane's program (`node --import`): the runners that it starts as children tell what they
 * hold, as `heap-probe.ts` does.
 */
import { changeRunners } from "./change-runners.ts";

const probe = new URL("heap-probe.js", import.meta.url).href;
const { HEAP_NAMES } = process.env;

changeRunners((entry) => ({
  args: ["--import", probe, entry],
  env: HEAP_NAMES === undefined ? {} : { HEAP_NAMES },
}));
