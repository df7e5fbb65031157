import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { composeOnlyNames, parseConfig, PLACEHOLDER_API_KEY, secretNames, settingNames } from "./config.ts";

const at = (path: string) => new URL(`../../../${path}`, import.meta.url);
const read = (file: string) => readFileSync(at(file), "utf8");

const inExample = [...read("env.example").matchAll(/^#? ?([A-Z_]+)=(.*)$/gm)].map(
  ([, name = "", value = ""]) => [name, value] as const,
);

/** Of the engine's service: name and value, which is empty where Compose hands on what it has. */
const inCompose = (() => {
  const [, , service = ""] =
    /\n {2}engine:\n(.*\n)*? {4}environment:\n((?: {6}.*\n)+)/.exec(read("docker-compose.yml")) ?? [];
  return [...service.matchAll(/^ {6}([A-Z_]+):(.*)$/gm)].map(
    ([, name = "", value = ""]) => [name, value.trim()] as const,
  );
})();

/** Rows of the table of settings in a document for people: the names of the first column, and the values of the second. */
function inTable(file: string) {
  const section = /^[^]*?(?=\n## )/.exec(read(file))?.[0] ?? "";
  return section.split("\n").flatMap((row) => {
    const [, first = "", second = ""] = row.split("|");
    const names = [...first.matchAll(/`([A-Z_]+)`/g)].map(([, name = ""]) => name);
    const values = [...second.matchAll(/`([^`]*)`/g)].map(([, value = ""]) => value);
    return names.length === 0 ? [] : [{ names, values }];
  });
}

/** A setting that one of these lists has not is dropped in silence, or sought in vain. */
describe("the lists of settings", () => {
  const known = settingNames.toSorted();

  it("env.example has every one, with the default it says, and no other", () => {
    const names = inExample.map(([name]) => name);
    expect(names.toSorted()).toEqual([...known, ...composeOnlyNames].toSorted());
    expect(inExample.find(([name]) => name === "API_KEY")?.[1]).toBe(PLACEHOLDER_API_KEY);
    const withoutKey = Object.fromEntries(inExample.filter(([name]) => name !== "API_KEY"));
    expect(parseConfig(withoutKey)).toEqual(parseConfig({}));
  });

  it("Compose hands every one on to the engine, and no other", () => {
    const names = inCompose.map(([name]) => name).filter((name) => name !== "ENV_FILE_OF_COMPOSE");
    expect(names.toSorted()).toEqual(known);
    const fixed = inCompose.flatMap(([name, value]) => (value === "" ? [] : [name]));
    expect(fixed.toSorted()).toEqual([
      "DATA_DIR",
      "DOCKER_HOST",
      "ENV_FILE_OF_COMPOSE",
      "RUNNER_IMAGE",
      "RUNTIME",
    ]);
  });

  it("what only Compose reads stands in its file", () => {
    for (const name of composeOnlyNames) expect(read("docker-compose.yml")).toContain(`\${${name}:-`);
  });

  it("a secret may be given as a file", () => {
    for (const name of secretNames) expect(known).toContain(`${name}_FILE`);
  });

  it("both languages have the same rows, of settings there are, with the defaults there are", () => {
    const [english, indonesian] = [inTable("docs/use/settings.md"), inTable("docs/use/settings.id.md")];
    expect(english.length).toBeGreaterThan(10);
    expect(indonesian.map(({ names }) => names)).toEqual(english.map(({ names }) => names));
    for (const { names, values } of [...english, ...indonesian])
      for (const [index, name] of names.entries()) {
        expect(known).toContain(name);
        const value = values[index];
        const shown = value === undefined ? {} : { [name]: value };
        // A default that is said otherwise than by its value, such as a share of another setting, has none in the table.
        if (settingNames.includes(value ?? "")) continue;
        expect(parseConfig(shown), `${name}=${value}`).toEqual(parseConfig({}));
      }
  });

  it("documents speak of settings that there are", () => {
    const documents = readdirSync(at("docs/use")).map((file) => `docs/use/${file}`);
    expect(documents).toHaveLength(10);
    for (const file of ["README.md", "README.id.md", "SECURITY.md", ...documents]) {
      const named = [...read(file).matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, name = ""]) => name);
      for (const name of named) expect([...known, ...composeOnlyNames], `${file}: ${name}`).toContain(name);
    }
  });
});
