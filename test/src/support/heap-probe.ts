/*
 * Loaded with `--import` into a program under test: on SIGUSR2 it says on stdout, as one line of JSON, what it holds
 * when all garbage is collected. `HEAP_NAMES`: a pattern of names that should be forgotten; those that a snapshot of the
 * heap still holds are counted.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { getHeapSnapshot, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Held } from "./held.ts";

/** What is released by one collection may let go of more. */
const COLLECTIONS = 5;
const LONGEST_NAME = 100;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const { HEAP_NAMES } = process.env;

process.on("SIGUSR2", () => void tell());

async function tell(): Promise<void> {
  for (let i = 0; i < COLLECTIONS; i++) {
    collect();
    await turn();
  }
  const { heapUsed } = process.memoryUsage();
  const files = readdirSync("/proc/self/fd").map(targetOf);
  const held: Held = {
    pid: process.pid,
    heapBytes: heapUsed,
    files: files.length,
    sockets: files.filter((target) => target.startsWith("socket:")).length,
    names: HEAP_NAMES === undefined ? [] : await namesInHeap(new RegExp(HEAP_NAMES, "g")),
  };
  process.stdout.write(`${JSON.stringify({ held })}\n`);
}

function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ""; // the folder's own, closed by now
  }
}

async function namesInHeap(pattern: RegExp): Promise<string[]> {
  const found = new Set<string>();
  let before = "";
  for await (const chunk of getHeapSnapshot()) {
    const text = before + String(chunk);
    for (const [name] of text.matchAll(pattern)) found.add(name);
    before = text.slice(-LONGEST_NAME);
  }
  return [...found];
}
