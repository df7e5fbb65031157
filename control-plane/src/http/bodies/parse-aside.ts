import { Worker } from "node:worker_threads";

/** It runs from its text, so that it reads nothing else: a thread that began with all of this program would take longer than the parsing. */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
let parsed = null;
try {
  parsed = { value: JSON.parse(workerData) };
} catch {}
parentPort.postMessage(parsed);
`;

/**
 * Parses JSON in a thread of its own, where it holds up nobody: 20 MB in one piece take 50 ms and more, and what it is made of comes back in
 * a few. Where no thread can be had it is parsed here, as that is no fault of the text's. Rejects with a `SyntaxError` for what is no JSON.
 */
export async function parseAside(text: string, program = PROGRAM): Promise<unknown> {
  let parsed: { value: unknown } | null;
  try {
    parsed = await inThread(text, program);
  } catch {
    return JSON.parse(text);
  }
  if (parsed === null) throw new SyntaxError("The text is no JSON.");
  return parsed.value;
}

function inThread(text: string, program: string): Promise<{ value: unknown } | null> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(program, { eval: true, workerData: text, env: {}, execArgv: [] });
    thread.once("message", resolve).once("error", reject);
    thread.once("exit", () => reject(new Error("The thread ended without an answer.")));
  });
}
