/** A schema of the API's document, as far as requests are made of it. */
export type Schema = {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  default?: unknown;
  enum?: unknown[];
  example?: unknown;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
};
export type Parameter = { name: string; in: "path" | "query" | "header"; schema: Schema };
export type Operation = {
  method: string;
  path: string;
  parameters: Parameter[];
  /** By their types. */
  bodies: Record<string, Schema>;
  /** By status; the description of a refusal names its codes. */
  responses: Record<string, Response>;
};
type Response = { description: string; content?: Record<string, { schema: Schema }> };
export type Document = {
  paths: Record<
    string,
    Record<
      string,
      {
        parameters?: Parameter[];
        requestBody?: { content: Record<string, { schema: Schema }> };
        responses: Record<string, Response>;
      }
    >
  >;
  components: { schemas: Record<string, Schema> };
};

export const operationsOf = ({ paths }: Document): Operation[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody, responses }]) => ({
      method: method.toUpperCase(),
      path,
      parameters,
      bodies: Object.fromEntries(
        Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => [type, schema]),
      ),
      responses,
    })),
  );

/** Reads schemas of a document: makes values that they take, and puts others into these. */
export function createShapes({ components }: Pick<Document, "components">) {
  function resolved(schema: Schema): Schema {
    const name = schema.$ref?.replace("#/components/schemas/", "");
    if (name === undefined) return schema;
    const found = components.schemas[name];
    if (found === undefined) throw new Error(`${schema.$ref} is not in the document.`);
    return found;
  }

  const branches = ({ anyOf = [], oneOf = [], allOf = [] }: Schema) => [...anyOf, ...oneOf, ...allOf];

  /** The least that it takes, as far as it says so. */
  function valid(given: Schema): unknown {
    const schema = resolved(given);
    if (schema.example !== undefined) return schema.example;
    if (schema.const !== undefined) return schema.const;
    if (schema.enum) return schema.enum[0];
    const [branch] = branches(schema);
    if (branch) return valid(branch);
    const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
    if (type === "number" || type === "integer") return Math.max(0, schema.minimum ?? 0);
    if (type === "boolean") return false;
    if (type === "array")
      return Array.from(
        { length: schema.minItems ?? 0 },
        (_, index) => `${String(valid(schema.items!))}${index}`,
      );
    if (type === "object") {
      const { properties = {}, required = [] } = schema;
      return Object.fromEntries(required.map((name) => [name, valid(properties[name] ?? {})]));
    }
    return schema.format === "date-time"
      ? "2030-01-31T02:00:00Z"
      : "x".repeat(Math.max(1, schema.minLength ?? 1));
  }

  /**
   * Values that hold `value` at one place each: in place of the whole, and at each place within what the schema takes; all else that
   * is needed stands beside it as it should be.
   */
  function* placed(given: Schema, value: unknown, at = ""): Generator<{ at: string; body: unknown }> {
    const schema = resolved(given);
    yield { at, body: value };
    for (const branch of branches(schema)) yield* placed(branch, value, at);
    const beside = schema.properties ? (valid({ ...schema, example: undefined } as Schema) as object) : {};
    for (const [name, field] of Object.entries(schema.properties ?? {}))
      for (const inner of placed(field, value, `${at}.${name}`))
        yield { at: inner.at, body: { ...beside, [name]: inner.body } };
    if (schema.items)
      for (const inner of placed(schema.items, value, `${at}.0`)) yield { at: inner.at, body: [inner.body] };
    if (typeof schema.additionalProperties === "object")
      for (const inner of placed(schema.additionalProperties, value, `${at}.*`))
        yield { at: inner.at, body: { ...beside, x: inner.body } };
  }

  return { resolved, valid, placed };
}
