import { AppError } from "@whatsapp-engine/contract/api";
import { pino } from "pino";
import { expect, it, vi } from "vitest";
import type { RuntimeEvent } from "../runtime/index.ts";
import { createBackground } from "../lib/background.ts";
import { createSupervisor } from "./supervisor.ts";

const log = pino({ level: "silent" });
const nothing = () => undefined;

it("is prepared once, though it is asked again while the engine that was away prepares", async () => {
  let isAway = true;
  let tell: (event: RuntimeEvent) => void = nothing;
  const prepared: (() => void)[] = [];
  const clearUp = vi.fn(async () => undefined);
  const background = createBackground(log);
  const supervisor = createSupervisor({
    store: { ids: () => [] } as never,
    host: {
      prepare: () =>
        isAway
          ? Promise.reject(new AppError("runtime_unavailable", "The engine is away."))
          : new Promise<void>((resolve) => prepared.push(resolve)),
      watch(listener: typeof tell) {
        tell = listener;
        listener({ type: "unavailable" });
      },
    } as never,
    live: { ids: () => [] } as never,
    reconciler: { open: nothing, close: nothing } as never,
    recovery: { run: async () => ({ isUnwanted: () => false }) } as never,
    warmRunners: { request: nothing, profileIds: () => new Set(), close: async () => undefined },
    background,
    listRunners: async () => [],
    clearUp,
    settle: async () => undefined,
    onRunnerRemoved: nothing,
    clock: { now: () => 0 },
    log,
  });
  await supervisor.open();
  isAway = false;
  tell({ type: "relist" });
  tell({ type: "relist" });
  await vi.waitFor(() => expect(prepared).not.toEqual([]));
  prepared.forEach((done) => done());
  await background.idle();
  expect(prepared).toHaveLength(1);
  expect(clearUp).toHaveBeenCalledTimes(1);
  await supervisor.close();
});
