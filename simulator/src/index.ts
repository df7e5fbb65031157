export { startSimulator, type Simulator, type SimulatorOptions } from "./simulator.ts";
export { createControlClient } from "./control-client.ts";
export type { Control, Group, Inbound } from "./control.ts";
export type { Phone } from "./accounts.ts";
export type { Fault, FaultScope } from "./faults.ts";
export type { SentMessage } from "./outbox.ts";
export type { PageInfo } from "./page-session.ts";
export type { Settings, SettingsChanges } from "./settings.ts";
export type { Build } from "./wire.ts";
