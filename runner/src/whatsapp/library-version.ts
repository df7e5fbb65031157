import { createRequire } from "node:module";

/** Version of whatsapp-web.js, read without loading it. */
export const libraryVersion = (
  createRequire(import.meta.url)("whatsapp-web.js/package.json") as { version: string }
).version;
