import { beforeAll, describe, expect, it } from "vitest";
import { bareApp } from "./test-support/bare-app.ts";

/*
 * Every call of the OpenAPI document is asked with wrong values in every field that it takes: whatever is refused is refused in
 * words for people, and by the name of a field.
 */

type Schema = {
  $ref?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
};
type Operation = {
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
};
type Document = {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};

const RAW =
  /Invalid|expected|received|Too (small|big)|undefined|NaN|Infinity|\[object|safe integer|regex|pattern/;
/** They stand in lists of what is taken. */
const EVENTS = /\b(message|call)\.received\b/g;

const call = bareApp();
const LONG = "x".repeat(70_000);
/** Values of all types; of each at least one that is wrong wherever it stands. */
const VALUES = [
  null,
  true,
  0,
  -1,
  1.5,
  1e30,
  "",
  " ",
  "x",
  "\n",
  "\u{E9}",
  LONG,
  [],
  [null],
  [[]],
  {},
  { x: 1 },
];
const TEXTS = ["", " ", "x", "-1", "1.5", "1e30", "1e999", "NaN", "null", "[]", LONG.slice(0, 5_000)];

let document: Document;
beforeAll(async () => {
  document = (await call("GET /openapi.json")).body as unknown as Document;
});

const NAME = /^#\/components\/schemas\/(.+)$/;
function resolved(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const found = document.components.schemas[NAME.exec(schema.$ref)?.[1] ?? ""];
  if (found === undefined) throw new Error(`${schema.$ref} is not in the document.`);
  return found;
}

/** The value itself, and at each place within what the schema takes. */
function* placed(schema: Schema, value: unknown): Generator<unknown> {
  const { properties = {}, items, additionalProperties, ...rest } = resolved(schema);
  yield value;
  for (const part of [...(rest.anyOf ?? []), ...(rest.oneOf ?? []), ...(rest.allOf ?? [])])
    yield* placed(part, value);
  for (const [name, field] of Object.entries(properties))
    for (const inner of placed(field, value)) yield { [name]: inner };
  if (items) for (const inner of placed(items, value)) yield [inner];
  if (typeof additionalProperties === "object")
    for (const inner of placed(additionalProperties, value)) yield { [String(value).slice(0, 100)]: inner };
}

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      what: `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, "a")}`,
      operation,
    })),
  );

/** Fields that a refusal named, over all calls. */
const told = new Set<string>();

async function ask(what: string, body?: unknown): Promise<void> {
  const answer = await call(what, body === undefined ? undefined : JSON.stringify(body));
  if (answer.status !== 400) return;
  const asked = `${what} ${JSON.stringify(body)?.slice(0, 200)}`;
  for (const { field, message } of answer.body.error.details) {
    told.add(field);
    expect(field, asked).not.toBe("");
    expect(field.length, asked).toBeLessThan(200);
    expect(message.replaceAll(EVENTS, ""), asked).not.toMatch(RAW);
    expect(message.length, asked).toBeLessThan(300);
  }
}

describe("every call refuses in words for people", () => {
  it("whatever its body holds", async () => {
    const taking = operations().flatMap(({ what, operation }) => {
      const schema = operation.requestBody?.content["application/json"]?.schema;
      return schema ? [{ what, schema }] : [];
    });
    expect(taking.length).toBeGreaterThan(12);
    for (const { what, schema } of taking)
      for (const value of VALUES) for (const body of placed(schema, value)) await ask(what, body);
    for (const deep of ["body", "poll.options.0", "media.headers.", "location.latitude", "recipients"])
      expect(
        [...told].some((field) => field.startsWith(deep)),
        deep,
      ).toBe(true);
  });

  it("whatever its query holds", async () => {
    const taking = operations().flatMap(({ what, operation }) =>
      (operation.parameters ?? []).filter((one) => one.in === "query").map(({ name }) => ({ what, name })),
    );
    expect(taking.length).toBeGreaterThan(15);
    for (const { what, name } of taking) {
      for (const text of TEXTS) await ask(`${what}?${name}=${encodeURIComponent(text)}`);
      await ask(`${what}?${name}=x&${name}=y`);
    }
    expect([...told]).toEqual(
      expect.arrayContaining(["limit", "cursor", "status", "after", "types", "wait"]),
    );
  });
});
