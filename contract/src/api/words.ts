import { z } from "zod";

/*
 * What a schema finds wrong, as the end of a sentence that begins with the field's name: "is missing", "must be a text, not a
 * number". zod's own texts are for programmers. A text that stands in the schema itself goes before these. None of these repeats
 * what was given, which may be long, or a secret.
 */

type Found<Code extends z.core.$ZodIssue["code"]> = z.core.$ZodRawIssue<
  Extract<z.core.$ZodIssue, { code: Code }>
>;

/** What zod calls the types. */
const TYPES: Readonly<Record<string, string>> = {
  string: "a text",
  int: "a whole number",
  bigint: "a whole number",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a JSON object",
  record: "a JSON object",
  date: "a date",
  file: "a file",
  null: "null",
};

const FORMATS: Readonly<Record<string, string>> = {
  datetime: "a time in UTC such as 2030-01-31T02:00:00Z",
  date: "a date such as 2030-01-31",
  time: "a time of day such as 09:00:00",
  duration: "a duration such as PT15M",
  url: "an address such as https://example.com/",
  email: "an e-mail address",
  uuid: "a UUID",
  ipv4: "an IPv4 address",
  ipv6: "an IPv6 address",
  base64: "base64",
};

const words: { [Code in z.core.$ZodIssue["code"]]: (issue: Found<Code>) => string } = {
  invalid_type({ expected, input, schema }) {
    if (expected === "never") return "must be left out";
    const isNumber = expected === "number" || expected === "int";
    const type = isNumber ? numberOf(schema) : (TYPES[expected] ?? "of another type");
    // A number that is none of those taken is a number; so is what a query's text became.
    return `must be ${type}${isNumber && typeof input === "number" ? "" : butNot(input)}`;
  },
  invalid_value: ({ values }) => mustBe(values),
  invalid_format({ format, prefix, suffix, includes }) {
    if (prefix !== undefined) return `must begin with ${prefix}`;
    if (suffix !== undefined) return `must end with ${suffix}`;
    if (includes !== undefined) return `must contain ${includes}`;
    return FORMATS[format] ? `must be ${FORMATS[format]}` : "is not of the form that is taken here";
  },
  too_small({ origin, minimum, inclusive, exact, input, schema }) {
    if (isNumeric(origin))
      return `must be ${rangeOf(schema) ?? (inclusive ? `${minimum} or more` : `more than ${minimum}`)}`;
    if (origin === "date") return `must not be before ${new Date(Number(minimum)).toISOString()}`;
    if (minimum === 1 && !exact) return "must not be empty";
    return size(origin, exact ? "exactly" : "at least", minimum, input);
  },
  too_big({ origin, maximum, inclusive, exact, input, schema }) {
    if (isNumeric(origin))
      return `must be ${rangeOf(schema) ?? (inclusive ? `${maximum} or less` : `less than ${maximum}`)}`;
    if (origin === "date") return `must not be after ${new Date(Number(maximum)).toISOString()}`;
    return size(origin, exact ? "exactly" : "at most", maximum, input);
  },
  not_multiple_of: ({ divisor }) => `must be a multiple of ${divisor}`,
  unrecognized_keys: () => "holds fields that are not known",
  // What is wrong with one key, or with one element.
  invalid_key: ({ issues }) => issues[0]?.message ?? "is not a name that is taken here",
  invalid_element: ({ issues }) => issues[0]?.message ?? "is not valid",
  invalid_union({ errors, options, input }) {
    if (Array.isArray(options)) return mustBe(options);
    const types = [...new Set(errors.flatMap(typesTaken))];
    if (types.length > 0) return `must be ${listed(types)}${butNot(input)}`;
    const values = errors.flat().flatMap((one) => (one.code === "invalid_value" ? one.values : []));
    return values.length > 0 ? mustBe(values) : "is not of a form that is taken here";
  },
  custom: () => "is not valid",
};

/** "a whole number from 1 to 1000"; null: the schema does not say both ends. */
function rangeOf(schema: unknown): string | null {
  if (!(schema instanceof z.ZodNumber)) return null;
  const [min, max] = [limit(schema.minValue), limit(schema.maxValue)];
  return min === null || max === null ? null : `${kindOf(schema)} from ${min} to ${max}`;
}

function numberOf(schema: unknown): string {
  if (!(schema instanceof z.ZodNumber)) return "a number";
  const min = limit(schema.minValue);
  return rangeOf(schema) ?? (min === null ? kindOf(schema) : `${kindOf(schema)}, ${min} or more`);
}

const kindOf = ({ isInt }: z.ZodNumber): string => (isInt ? "a whole number" : "a number");

/** Infinity, and where whole numbers end that are exact, are nobody's limits. */
const limit = (value: number | null): number | null =>
  value === null || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? null : value;

const isNumeric = (origin: string): boolean => origin === "number" || origin === "int" || origin === "bigint";

function size(origin: string, howMany: string, limit: number | bigint, input: unknown): string {
  const ending = (one: string, many: string) => (Number(limit) === 1 ? one : many);
  if (origin === "string") {
    const length = z.core.util.codePointLength(input as string);
    return `must be ${howMany} ${limit} ${ending("character", "characters")} long; it has ${length}`;
  }
  const { length, size: count = length } = input as { length?: number; size?: number };
  const unit = origin === "file" ? ending("byte", "bytes") : ending("entry", "entries");
  return `must have ${howMany} ${limit} ${unit}; it has ${count}`;
}

function butNot(input: unknown): string {
  if (input === null || typeof input === "boolean") return `, not ${input}`;
  if (Array.isArray(input)) return ", not a list";
  return (
    { string: ", not a text", number: ", not a number", object: ", not an object" }[typeof input as string] ??
    ""
  );
}

const mustBe = (values: readonly unknown[]): string => {
  const texts = values.map((value) => (value === "" ? "empty" : String(value)));
  return texts.length === 1 ? `must be ${texts[0]}` : `must be one of ${texts.join(", ")}`;
};

const listed = (names: readonly string[]): string =>
  names.length === 1 ? names[0]! : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;

/** The types that a branch of a union takes; nothing where what was given is of its type. */
const typesTaken = (branch: readonly z.core.$ZodIssue[]): string[] =>
  branch.flatMap((issue) => {
    if (issue.path.length > 0) return [];
    if (issue.code === "invalid_union") return issue.errors.flatMap(typesTaken);
    if (issue.code !== "invalid_type") return [];
    return issue.expected === "number" ? ["a number"] : (TYPES[issue.expected] ?? []);
  });

/** What is left out is missing, whatever it should have been. */
export function inWords(issue: z.core.$ZodRawIssue): string {
  const { code, input } = issue;
  const given =
    code === "invalid_union" && issue.discriminator
      ? (input as Record<string, unknown>)[issue.discriminator]
      : input;
  const isMissing = given === undefined && /^invalid_(type|value|union)$/.test(code);
  return isMissing ? "is missing" : words[code](issue as never);
}
