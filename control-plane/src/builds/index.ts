export { type CanarySettings, createBuilds } from "./builds.ts";
export { createPageCopies, type PageCopies } from "./page-copies.ts";
export { createVersionPins, type VersionPins } from "./version-pins.ts";
