import { z } from "@hono/zod-openapi";
import { expect, it } from "vitest";
import {
  bulkRecipientSchema,
  pairingCodeRequestSchema,
  readBulkSchema,
  readBulkUploadSchema,
  sendBulkSchema,
  sendMessageSchema,
  sendUploadSchema,
} from "@whatsapp-engine/contract/api";
import { bareDocument } from "./test-support/bare-app.ts";

/*
 * What a text costs grows with its length, in patterns faster than that: each text that a call takes has a bound, and nothing else
 * looks at one that is longer.
 */

type Checks = readonly { _zod: { def: { check: string; abort?: boolean } } }[];
type Inner = Record<string, unknown> & { type: string; checks?: Checks };
const innerOf = (schema: z.ZodType): Inner => schema.def as unknown as Inner;

/** Texts that are taken within a schema: where, and the first thing that looks at each. */
function* textsIn(schema: z.ZodType, path: string): Generator<{ path: string; isBounded: boolean }> {
  const inner = innerOf(schema);
  if (inner.type === "string") {
    const first = inner.checks?.[0]?._zod.def;
    // Those of `z.iso` and its like look at a text before any check.
    const isPlain = !("format" in inner);
    yield { path, isBounded: isPlain && first?.check === "max_length" && first.abort === true };
  }
  // What a query's or path's text is made of has the text of its number only.
  for (const [name, field] of Object.entries((inner["shape"] as Record<string, z.ZodType>) ?? {}))
    yield* textsIn(field, `${path}.${name}`);
  for (const part of ["element", "innerType", "keyType", "valueType", "catchall", "in", "out"])
    if (inner[part] !== undefined) yield* textsIn(inner[part] as z.ZodType, `${path}.${part}`);
  for (const [at, option] of ((inner["options"] as z.ZodType[]) ?? []).entries())
    yield* textsIn(option, `${path}.${at}`);
}

/** Schemas that bodies are checked by besides those that stand in the routes. */
const BODIES: Record<string, z.ZodType> = {
  bulkRecipientSchema,
  pairingCodeRequestSchema,
  readBulkSchema,
  readBulkUploadSchema,
  sendBulkSchema,
  sendMessageSchema,
  sendUploadSchema,
};

it("every text of every call is bounded, before anything else looks at it", () => {
  const given = Object.entries(BODIES);
  for (const definition of bareDocument().definitions) {
    if (definition.type !== "route") continue;
    const { method, path, request = {} } = definition.route;
    for (const where of ["params", "query", "headers"] as const)
      if (request[where]) given.push([`${method} ${path} ${where}`, request[where] as z.ZodType]);
    for (const media of Object.values(request.body?.content ?? {}))
      if (media && "schema" in media && media.schema instanceof z.ZodType)
        given.push([`${method} ${path} body`, media.schema]);
  }
  const texts = given.flatMap(([path, schema]) => Array.from(textsIn(schema, path)));
  expect(texts.length).toBeGreaterThan(150);
  expect(texts.filter(({ isBounded }) => !isBounded).map(({ path }) => path)).toEqual([]);
});
