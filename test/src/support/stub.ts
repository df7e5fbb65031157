/** A text that begins so is delivered and read at once, which the runner tells by its stream. */
export const TO_BE_READ = "read: ";

/** A text that begins so has no answer, as if WhatsApp gave none. */
export const UNANSWERED = "unanswered: ";

/** What follows goes into the stream as a line, as it stands but for `$SEQ`, the next number in the journal. */
export const SAYS = "says: ";

/** The stream has no end of lines from then on, whoever reads it. */
export const FLOODS = "floods: ";

/** What a stub says of itself, from its start and from a SIGUSR2 on. */
export type StubStatus = "authenticated" | "connected";

export const stubRunner = new URL("../../dist/support/stub-runner.js", import.meta.url);

/** Settings of an engine whose runners are stubs. They reach the engine's process only. */
export const stubSettings = {
  // Compiled: the engine's Node does not read TypeScript.
  NODE_OPTIONS: `--import=${new URL("../../dist/support/stub-preload.js", import.meta.url).href}`,
  // Never started, but looked for.
  CHROMIUM_PATH: process.execPath,
};
