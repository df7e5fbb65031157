// Reads "<step> <seconds>" a line, with "failed" behind the one that did, and prints it beside the figure in .ci/seconds: node .ci/report.mjs
import { readFileSync } from "node:fs";

const GROWN = 1.25;

const parse = (text) =>
  text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(" "));

const kept = new Map(parse(readFileSync(new URL("seconds", import.meta.url), "utf8")));
const steps = parse(readFileSync(0, "utf8"));
const sum = (values) => values.reduce((total, value) => total + (Number(value) || 0), 0);
const failed = steps.some(([, , end]) => end === "failed");
const whole = failed ? [] : [["all", String(sum(steps.map(([, seconds]) => seconds)))]];
const grown = [];

const row = (...cells) => console.log(cells.map((cell) => String(cell).padStart(10)).join(""));
console.log();
row("step", "seconds", "kept", "ratio");
for (const [step, seconds, end] of [...steps, ...whole]) {
  const before = kept.get(step);
  const ratio = Number(seconds) / Number(before);
  row(step, seconds, before ?? "-", end ?? (Number.isFinite(ratio) ? ratio.toFixed(2) : "-"));
  if (ratio > GROWN && end === undefined) grown.push(step);
}
if (grown.length > 0)
  console.log(
    `\nMore than a quarter above the figure in .ci/seconds: ${grown.join(", ")}. Machines are noisy; is it this change?`,
  );
