export { type ConnectedRunner, createConnectedRunner } from "./connected.ts";
export { fateOf, type RunnerFate, startReason } from "./lifecycle.ts";
export { createPairing, type Pairing } from "./pairing.ts";
export { createScreenshot, type Screenshot } from "./screenshot.ts";
export { createSessionService, type SessionService } from "./service.ts";
export { createSessionStore, type SessionChange, type SessionRow, type SessionStore } from "./store.ts";
export {
  createWarmStore,
  WARM_GENERATION,
  type WarmRunnerRow,
  WarmRunnerTaken,
  type WarmStore,
} from "./warm-store.ts";
