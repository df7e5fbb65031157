import { z, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  AppError,
  sendMessageFields,
  sendMessageSchema,
  sendUploadSchema,
  uploadSchema,
  type SendMessage,
} from "@whatsapp-engine/contract/api";
import { refuseInvalid, type AppEnv } from "../context.ts";
import { whyTooMuch } from "./json-amount.ts";
import { bodyOf, bytesOf, invalidPart, isForm, readForm, textOf } from "./form.ts";

const formSchema = z
  .object({
    ...sendMessageFields,
    media: uploadSchema.omit({ bytes: true, partType: true }).optional(),
    file: z.any().meta({ type: "string", format: "binary", description: "The media" }),
  })
  .meta({
    description: "The fields of the JSON body as parts, nested ones as JSON, and the file",
  });

/**
 * What `POST …/send` takes: JSON, or a form with the same fields and the media as a file. `readSendBody` checks it: the
 * router would check every body as both.
 */
export const sendBody = {
  required: true,
  content: {
    "application/json": { schema: { $ref: "#/components/schemas/SendMessage" } },
    "multipart/form-data": { schema: { $ref: "#/components/schemas/SendForm" } },
  },
};

export const registerSendBody = (router: OpenAPIHono<AppEnv>): void =>
  registerBodies(router, { SendMessage: sendMessageSchema, SendForm: formSchema });

/** Puts the schemas that a body refers to into the OpenAPI document. */
export function registerBodies(
  { openAPIRegistry }: OpenAPIHono<AppEnv>,
  schemas: Record<string, z.ZodType>,
): void {
  for (const [name, schema] of Object.entries(schemas)) {
    const { $schema: _, $defs = {}, ...plain } = inComponents(z.toJSONSchema(schema, { io: "input" }));
    // Those with names of their own stand among the definitions.
    for (const [inner, definition] of Object.entries({ [name]: plain, ...$defs })) {
      const { id: __, ...component } = definition as Record<string, unknown>;
      openAPIRegistry.registerComponent("schemas", inner, component as object);
    }
  }
}

/** With what it refers to where the document has it. */
const inComponents = (schema: object): z.core.JSONSchema.JSONSchema =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as never;

type Fields = Record<string, unknown>;

/**
 * The message that the body asks to send; what is null, or an empty part of a form, counts as absent. `translated`: what another
 * application calls otherwise. Throws `invalid_json`, `invalid_form`, `invalid_request`.
 */
export async function readSendBody(
  c: Context<AppEnv>,
  translated: (fields: Fields) => Fields = (fields) => fields,
): Promise<SendMessage> {
  if (isForm(c.req.header("Content-Type"))) return readSendForm(c, translated);
  const given = await readJson(c);
  const { data, error } = sendMessageSchema.safeParse(isObject(given) ? translated(given) : given);
  return data ?? refuseInvalid(error!, "body");
}

/** The JSON body, without what is null. Throws `invalid_json`. */
export const readJson = async (c: Context<AppEnv>): Promise<unknown> =>
  withoutNulls(
    await c.req.json().catch((cause: unknown) => {
      throw new AppError("invalid_json", "The body is empty or not valid JSON.", { cause });
    }),
  );

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** As deep as a message goes: its fields, and those of its media or place. */
function withoutNulls(value: unknown, depth = 2): unknown {
  if (!isObject(value) || depth === 0) return value;
  const given = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(given.map(([name, field]) => [name, withoutNulls(field, depth - 1)]));
}

async function readSendForm(
  c: Context<AppEnv>,
  translated: (fields: Fields) => Fields,
): Promise<SendMessage> {
  const { fields: parts, media } = await readFields(c, sendMessageFields);
  const fields = translated(parts);
  const { data, error } = media
    ? sendUploadSchema.safeParse({ ...fields, media })
    : sendMessageSchema.safeParse(fields);
  return data ?? refuseInvalid(error!, "body");
}

/**
 * The parts of a form: what `schemas` has no text for is JSON in it; an empty part counts as absent. `media` is the part `file`, with what
 * the part `media` says of it. `textFiles`: parts that are text and may come as files too.
 */
export async function readFields(
  c: Context<AppEnv>,
  schemas: Record<string, z.ZodType>,
  textFiles: readonly string[] = [],
) {
  const texts = new Map<string, unknown>();
  let file: { bytes: Buffer; filename: string | null; partType: string | null } | undefined;
  const seen = new Set<string>();
  await readForm(bodyOf(c), c.req.header("Content-Type") ?? "", async (part) => {
    const { name, filename, contentType } = part;
    if (seen.has(name)) throw invalidPart(name, "is given more than once");
    seen.add(name);
    if (name !== "file") {
      if (filename !== null && !textFiles.includes(name))
        throw invalidPart(name, "is a file; a file goes into the part `file`");
      const text = await textOf(part);
      const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
      if (text !== "") texts.set(name, fieldOf(name, schema, text));
      return;
    }
    if (filename === null && (contentType === null || /^text\/plain\b/i.test(contentType)))
      throw invalidPart(name, "must be a file, with a file name");
    file = { bytes: await bytesOf(part), filename, partType: contentType };
  });
  const fields: Fields = Object.fromEntries(texts);
  const about = file && fields["media"];
  if (about !== undefined && !isObject(about)) throw invalidPart("media", "must be an object, as JSON");
  const { bytes, filename, partType } = file ?? {};
  return {
    fields,
    media: bytes && { ...(filename && { filename }), ...about, bytes, ...(partType && { partType }) },
  };
}

/** As languages and browsers write them into a form, which has texts only. */
const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  on: true,
  yes: true,
  "1": true,
  false: false,
  off: false,
  no: false,
  "0": false,
};

function fieldOf(field: string, schema: z.ZodType | undefined, text: string): unknown {
  if (schema === undefined || schema.safeParse(text).success) return text;
  const tooMuch = whyTooMuch(text);
  if (tooMuch !== null) throw invalidPart(field, tooMuch);
  const word = text.trim().toLowerCase();
  if (Object.hasOwn(BOOLEANS, word) && schema.safeParse(true).success) return BOOLEANS[word];
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
