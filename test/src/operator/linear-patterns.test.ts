import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "patterns-"))));
afterAll(() => rmSync(folder, { recursive: true }));

/** What `npm run check:lint` says of a file with this pattern in it. */
function lint(pattern: string): { status: number | null; text: string } {
  const file = join(folder, "pattern.ts");
  writeFileSync(file, `export const pattern = ${pattern};\n`);
  const args = ["--deny-warnings", "--config", join(root, "oxlint.config.mjs"), file];
  const { status, stdout } = spawnSync(join(root, "node_modules/.bin/oxlint"), args, { encoding: "utf8" });
  return { status, text: stdout };
}

// In pieces, as this file is checked too.
it.each([
  ["a repetition within one", ["/^(a", "+)", "+$/"], "no-super-linear-backtracking"],
  ["two that take the same", ["/^a", "*a", "*$/"], "no-super-linear-backtracking"],
  ["an end that is looked for from everywhere", ["/\\s", "+$/"], "no-super-linear-move"],
  ["the same twice in a repetition", ["/^(?:a|", "a)", "+$/"], "no-dupe-disjunctions"],
  ["one that is made of a text", ['new RegExp("^(a', "+)", '+$")'], "no-super-linear-backtracking"],
])("the check refuses a pattern that takes more than linear time: %s", (_, pieces, rule) => {
  const { status, text } = lint(pieces.join(""));
  expect(text).toContain(rule);
  expect(status).toBe(1);
});

it("takes one that does not", () => {
  expect(lint("/^[a-z]+$/").status).toBe(0);
});
