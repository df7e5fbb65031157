export * from "./environment.ts";
export * from "./labels.ts";
export * from "./profile.ts";
export * from "./protocol.ts";
export * from "./told.ts";
export * from "./well-formed.ts";
