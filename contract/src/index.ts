export * from "./errors.ts";
export * from "./health.ts";
export * from "./ids.ts";
export * from "./labels.ts";
export * from "./message.ts";
export * from "./runner-protocol.ts";
export * from "./session.ts";
