import { expect, it } from "vitest";
import { z } from "zod";
import { problemsAsText, problemsOf } from "./problems.ts";

const problemOf = (schema: z.ZodType, value: unknown): string =>
  problemsAsText(z.object({ a: schema }).safeParse({ a: value }).error!);
const kinds = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("one"), size: z.number() }),
  z.object({ kind: z.literal("two") }),
]);
const utc = (text: string) => new Date(`${text}T00:00:00Z`);

const cases: [schema: z.ZodType, value: unknown, told: string][] = [
  [z.string(), undefined, "a is missing"],
  [z.enum(["x", "y"]), undefined, "a is missing"],
  [z.union([z.string(), z.number()]), undefined, "a is missing"],
  [z.string(), null, "a must be a text, not null"],
  [z.string(), ["x"], "a must be a text, not a list"],
  [z.number(), "1", "a must be a number, not a text"],
  [z.number(), Number.NaN, "a must be a number"],
  [z.number().min(3), "x", "a must be a number, 3 or more, not a text"],
  [z.int(), 1.5, "a must be a whole number"],
  [z.bigint(), 1, "a must be a whole number, not a number"],
  [z.boolean(), 1, "a must be true or false, not a number"],
  [z.object({}), "x", "a must be a JSON object, not a text"],
  [z.record(z.string(), z.string()), 1, "a must be a JSON object, not a number"],
  [z.tuple([z.string()]), {}, "a must be a list, not an object"],
  [z.null(), 1, "a must be null, not a number"],
  [z.never(), 1, "a must be left out"],
  [z.date(), "x", "a must be a date, not a text"],
  [z.instanceof(URL), "x", "a must be of another type, not a text"],
  [z.literal("x"), "y", "a must be x"],
  [z.literal(""), "y", "a must be empty"],
  [z.enum(["x", "y"]), 7, "a must be one of x, y"],
  [z.string().min(1), "", "a must not be empty"],
  [z.string().min(2), "\u{1F600}", "a must be at least 2 characters long; it has 1"],
  [z.string().max(2), "xyz", "a must be at most 2 characters long; it has 3"],
  [z.string().length(2), "x", "a must be exactly 2 characters long; it has 1"],
  [z.array(z.string()).min(2), ["x"], "a must have at least 2 entries; it has 1"],
  [z.array(z.string()).max(1), ["x", "y"], "a must have at most 1 entry; it has 2"],
  [z.array(z.string()), ["x", 2], "a.1 must be a text, not a number"],
  [z.set(z.string()).max(1), new Set(["x", "y"]), "a must have at most 1 entry; it has 2"],
  [z.number().min(3), 2, "a must be 3 or more"],
  [z.number().gt(3), 3, "a must be more than 3"],
  [z.number().max(3), 4, "a must be 3 or less"],
  [z.number().lt(3), 3, "a must be less than 3"],
  [z.int().min(1).max(9), 10, "a must be a whole number from 1 to 9"],
  [z.number().multipleOf(5), 7, "a must be a multiple of 5"],
  [z.date().min(utc("2030-01-31")), utc("2029-01-31"), "a must not be before 2030-01-31T00:00:00.000Z"],
  [z.date().max(utc("2030-01-31")), utc("2031-01-31"), "a must not be after 2030-01-31T00:00:00.000Z"],
  [z.iso.datetime(), "x", "a must be a time in UTC such as 2030-01-31T02:00:00Z"],
  [z.iso.date(), "x", "a must be a date such as 2030-01-31"],
  [z.url(), "x", "a must be an address such as https://example.com/"],
  [z.email(), "x", "a must be an e-mail address"],
  [z.uuid(), "x", "a must be a UUID"],
  [z.string().startsWith("/"), "x", "a must begin with /"],
  [z.string().endsWith("/"), "x", "a must end with /"],
  [z.string().includes("/"), "x", "a must contain /"],
  [z.string().regex(/^y$/), "x", "a is not of the form that is taken here"],
  [z.string().regex(/^y$/, "must be y"), "x", "a must be y"],
  [z.string().refine(() => false), "x", "a is not valid"],
  [z.strictObject({ b: z.strictObject({}) }), { b: { c: 1 } }, "a.b.c is not known"],
  [z.record(z.string().max(1), z.string()), { bc: "x" }, "a.bc must be at most 1 character long; it has 2"],
  [z.record(z.enum(["x"]), z.string()), { y: "x" }, "a.x is missing; a.y is not known"],
  [z.map(z.string(), z.string()), new Map([["x", 1]]), "a.x must be a text, not a number"],
  [z.union([z.string(), z.object({})]), 5, "a must be a text or a JSON object, not a number"],
  [z.union([z.string().max(1), z.object({})]), "xy", "a must be at most 1 character long; it has 2"],
  [z.union([z.string(), z.strictObject({ b: z.string() })]), { b: 1 }, "a.b must be a text, not a number"],
  [z.union([z.union([z.string(), z.int()]), z.literal("")]), true, "a must be a text or a number, not true"],
  [z.union([z.literal("x"), z.literal("y")]), 1, "a must be one of x, y"],
  [kinds, { kind: "three" }, "a.kind must be one of one, two"],
  [kinds, {}, "a.kind is missing"],
  [kinds, { kind: "one", size: "x" }, "a.size must be a number, not a text"],
  [kinds, "x", "a must be a JSON object, not a text"],
];

it.each(cases.map(([schema, value, told]) => ({ schema, value, told })))(
  "$told",
  ({ schema, value, told }) => {
    expect(problemOf(schema, value)).toBe(told);
  },
);

it("the whole of what is checked is called body", () => {
  expect(problemsAsText(z.object({}).safeParse([]).error!)).toBe("body must be a JSON object, not a list");
});

it("a name without end is cut, and not within a character", () => {
  const [problem] = problemsOf(z.strictObject({}).safeParse({ [`${"x".repeat(63)}\u{1F600}yyy`]: 1 }).error!);
  expect(problem?.field).toBe(`${"x".repeat(63)}…`);
});
