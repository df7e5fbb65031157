import { readFileSync } from "node:fs";

/** The shell commands that `docs/operate.md` has under a name, which stands behind its fence's `sh`. */
export function commandsOf(name: string, file = "operate.md"): string {
  const text = readFileSync(new URL(`../../../docs/${file}`, import.meta.url), "utf8");
  const found = blocksOf(text).get(name);
  if (found === undefined) throw new Error(`docs/${file} has no commands under the name ${name}.`);
  return found;
}

/** All of them, by their names. */
export const blocksOf = (text: string): Map<string, string> =>
  new Map(
    [...text.matchAll(/^```sh ([\w-]+)\n(.*?)^```$/gms)].map(([, name = "", block = ""]) => [name, block]),
  );
