import { readFileSync, writeFileSync } from "node:fs";

/*
 * `npm run docs` writes the documents that are made of the code; with `--check` it only says whether they are as they should be.
 * It reads what tsc compiled.
 */

const { stepNotes } = await import("../contract/dist/step-notes.js");

const GROUPS = {
  message: [
    "On the way of a message, and of what comes in",
    "`crash/matrix` kills each process at each of its own. Between `send.key_journaled` and the ack, what WhatsApp's own queue does decides: it sends the message after the next start, and the message is `sent`; or it lost it, and the message is `unknown`.",
    "a message that dies here",
  ],
  session: [
    "In a session's life",
    "All in the control plane. `crash/session-matrix` and `crash/restore` kill it at each. After the next start a session that is to run has one runner, all others none, and a repeated call ends where the first would have.",
    "what the next start makes of it",
  ],
  warm: [
    "On the way of a warm runner",
    "All in the control plane. `crash/warm-runners` kills it at each.",
    "what the next start does",
  ],
  canary: [
    "From one build of WhatsApp Web to the next",
    "All in the control plane. `crash/canary` kills it at each, on both runtimes.",
    "what the next start does",
  ],
};

/** A Markdown table, its columns padded as the formatter does. */
function table(rows) {
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => row[at].length)));
  const line = (cells) => `| ${cells.map((cell, at) => cell.padEnd(widths[at])).join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

const groups = Object.entries(GROUPS).map(([group, [title, about, after]]) => {
  const notes = Object.entries(stepNotes).filter(([, note]) => note.group === group);
  const named = (step, { runtime }) => `\`${step}\`${runtime ? ` (${runtime})` : ""}`;
  const rows =
    group === "message"
      ? notes.map(([step, note]) => [named(step, note), note.process, note.onDisk, note.after])
      : notes.map(([step, note]) => [named(step, note), note.onDisk, note.after]);
  const head =
    group === "message" ? ["step", "process", "what is on disk", after] : ["step", "what is on disk", after];
  return `## ${title}\n\n${about}\n\n${table([head, ...rows])}\n`;
});

const documents = {
  "docs/steps.md": `# Steps

<!-- Made by \`npm run docs\` of contract/src/step-notes.ts. -->

Moments at which a process may die, named in \`contract/src/steps.ts\` and told on the \`node:diagnostics_channel\` \`whatsapp-engine.step\`, in
production to nobody.

${groups.join("\n")}`,
};

for (const [path, text] of Object.entries(documents)) {
  const file = new URL(`../${path}`, import.meta.url);
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  else if (readFileSync(file, "utf8") !== text) {
    console.error(`${path} is not what the code says; write it anew with: npm run docs`);
    process.exitCode = 1;
  }
}
