import { startSimulator, type Simulator } from "@whatsapp-engine/simulator";
import { startEngine, type Engine, type EngineOptions, type RuntimeKind } from "./engine.ts";
import type { Settings } from "./program.ts";

/** An engine and the WhatsApp that its browsers find. */
export type Stage = { engine: Engine; simulator: Simulator; close(): Promise<void> };

export async function startStage(
  runtime: RuntimeKind,
  settings: Settings = {},
  options: Pick<EngineOptions, "terminal" | "nodeArgs"> = {},
): Promise<Stage> {
  const simulator = await startSimulator({ host: runtime === "docker" ? "0.0.0.0" : "127.0.0.1" });
  try {
    const engine = await startEngine({ runtime, simulator, settings, ...options });
    return {
      engine,
      simulator,
      async close() {
        await engine.stop();
        await simulator.close();
      },
    };
  } catch (error) {
    await simulator.close();
    throw error;
  }
}
