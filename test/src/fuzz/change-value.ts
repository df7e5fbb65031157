import type { Random } from "../chaos/random.ts";
import { oddValue } from "./odd-values.ts";

const DEPTHS = [5, 70, 3_000];
const nested = (random: Random): unknown => {
  const depth = random.pick(DEPTHS);
  const [open, close] = random.pick([
    ["[", "]"],
    ['{"a":', "}"],
  ] as const);
  return JSON.parse(`${open.repeat(depth)}1${close.repeat(depth)}`);
};

function other(value: unknown, random: Random): unknown {
  if (random.between(0, 2) === 0) {
    if (typeof value === "number")
      return random.pick([value + 1, value - 1, -value, value + 0.5, String(value)]);
    if (typeof value === "string")
      return random.pick([
        `${value} `,
        `${value}\0`,
        value.slice(0, 1_000).repeat(300),
        value.slice(1),
        [value],
      ]);
    if (typeof value === "boolean") return String(value);
  }
  return random.between(0, 19) === 0 ? nested(random) : oddValue(random);
}

/** The same with one place changed: another value or type, one that is missing, one that is too many. */
export function changed(value: unknown, random: Random): unknown {
  if (Array.isArray(value) && value.length > 0 && random.between(0, 3) > 0) {
    const at = random.between(0, value.length - 1);
    const isShort = JSON.stringify(value[at] ?? null).length < 1_000;
    if (isShort && random.between(0, 5) === 0)
      return Array.from({ length: random.pick([0, 2, 1_001]) }, () => value[at]);
    return value.with(at, changed(value[at], random));
  }
  const isObject =
    typeof value === "object" && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
  const names = isObject ? Object.keys(value) : [];
  if (!isObject || random.between(0, 11) === 0) return other(value, random);
  if (names.length === 0 || random.between(0, 5) === 0)
    return {
      ...value,
      [random.pick(["x", "__proto__x", "constructor", "to", "é", "a".repeat(5_000)])]: oddValue(random),
    };
  const name = random.pick(names);
  const { [name]: had, ...rest } = value as Record<string, unknown>;
  return random.between(0, 4) === 0 ? rest : { ...rest, [name]: changed(had, random) };
}
