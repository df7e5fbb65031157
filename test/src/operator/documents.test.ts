import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { blocksOf } from "../support/documented.ts";

const read = (file: string) => readFileSync(new URL(`../../../docs/${file}`, import.meta.url), "utf8");
/** What the shell reads of them. */
const commandsIn = (text: string) =>
  [...blocksOf(text)].map(([name, block]) => [
    name,
    block.split("\n").map((line) => line.split("# ")[0]!.trimEnd()),
  ]);

it("docs/operate has the same commands in both languages", () => {
  expect(commandsIn(read("operate.id.md"))).toEqual(commandsIn(read("operate.md")));
});
