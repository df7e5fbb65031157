export * from "./end.ts";
export * from "./find.ts";
export * from "./proc.ts";
