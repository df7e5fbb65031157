import { rmSync, writeFileSync } from "node:fs";
import type { Logger } from "./logger.ts";
import type { StateHolder } from "./runner-state.ts";

/**
 * Keeps a file at `path` for as long as the account is connected, so that a container's health check has only to look for
 * it. Changes are rare and the file is empty: written at once, so that the last state wins. Returns the way to stop.
 */
export const keepHealthFile = (path: string, { state, log }: { state: StateHolder; log: Logger }) => {
  const note = (connected: boolean): void => {
    try {
      if (connected) writeFileSync(path, "");
      else rmSync(path, { force: true });
    } catch (cause) {
      log.warn({ err: cause }, "the file of the health check could not be changed");
    }
  };
  note(state.get().status === "connected");
  const stop = state.subscribe(({ status }) => note(status === "connected"));
  return (): void => {
    stop();
    note(false);
  };
};
