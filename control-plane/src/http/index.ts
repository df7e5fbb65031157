export { createApp } from "./app.ts";
export { createStarting, type Fetch } from "./starting.ts";
