import type { Random } from "../chaos/random.ts";
import type { createShapes, Schema } from "../support/document.ts";
import { oddText } from "./odd-values.ts";

/** Values that mean something by the name of their field; undefined: none. */
export type Meant = (name: string, random: Random) => unknown;

const TEXTS = [
  "a text",
  "x",
  "{{name}}",
  '{"a":[1,{"b":null}]}',
  "\u202eright to left",
  "e\u0301",
  "a-b_1",
  "2.3000.1042401057",
];
/** No longer, but for what is to be too long. */
const LONG = 2_000;

/** Makes values that schemas take, as far as these say what they take. */
export function createValidValues(shapes: ReturnType<typeof createShapes>, meant: Meant) {
  function text({ minLength = 0, maxLength = LONG, pattern }: Schema, random: Random): string {
    const longest = Math.min(maxLength, LONG);
    const made = random.pick([
      () => random.pick(TEXTS),
      () => "x".repeat(random.pick([minLength, longest])),
      () => oddText(random).slice(0, longest).toWellFormed(),
    ])();
    const long = made.length < minLength ? made.padEnd(minLength, "x") : made.slice(0, longest);
    if (pattern === undefined || new RegExp(pattern, "u").test(long)) return long;
    return TEXTS.find((one) => new RegExp(pattern, "u").test(one)) ?? "2030-01-31T02:00:00Z";
  }

  function number({ type, minimum = -1_000, maximum = 1_000_000 }: Schema, random: Random): number {
    if (random.between(0, 2) === 0) return random.pick([minimum, maximum]);
    const between = minimum + random.next() * (maximum - minimum);
    return [type].flat().includes("integer") ? Math.round(between) : between;
  }

  function object(schema: Schema, random: Random): Record<string, unknown> {
    const { properties = {}, required = [], additionalProperties } = schema;
    const share = random.pick([0, 0.2, 0.6]);
    const names = Object.keys(properties).filter((name) => required.includes(name) || random.next() < share);
    const made = names.map((name): [string, unknown] => [name, value(properties[name]!, random, name)]);
    if (typeof additionalProperties === "object" && random.between(0, 1) === 0)
      made.push(["name", value(additionalProperties, random, "")]);
    return Object.fromEntries(made);
  }

  function value(given: Schema, random: Random, name = ""): unknown {
    const schema = shapes.resolved(given);
    if (schema.const !== undefined) return schema.const;
    if (schema.enum) return random.pick(schema.enum);
    const known = random.between(0, 9) < 8 ? meant(name, random) : undefined;
    if (known !== undefined) return known;
    const branches = schema.anyOf ?? schema.oneOf ?? schema.allOf;
    if (branches) return value(random.pick(branches), random, name);
    const type = Array.isArray(schema.type) ? random.pick(schema.type) : schema.type;
    switch (type) {
      case "number":
      case "integer":
        return number(schema, random);
      case "boolean":
        return random.pick([true, false]);
      case "null":
        return null;
      case "array": {
        const { minItems = 0, maxItems = 5, items = {} } = schema;
        const length = Math.min(maxItems, random.pick([minItems, minItems, minItems + 1, minItems + 4]));
        return Array.from({ length }, () => value(items, random, name));
      }
      case "object":
        return object(schema, random);
      default:
        return text(schema, random);
    }
  }

  return { value, text };
}
