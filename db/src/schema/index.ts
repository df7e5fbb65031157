export * from "./events.ts";
export * from "./messages.ts";
export * from "./profiles.ts";
export * from "./runners.ts";
export * from "./sessions.ts";
export * from "./views.ts";
