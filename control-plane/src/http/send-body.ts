import { z, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  AppError,
  sendMessageFields,
  sendMessageSchema,
  sendUploadSchema,
  uploadSchema,
  type SendMessage,
} from "@whatsapp-engine/contract";
import { refuseInvalid, type AppEnv } from "./context.ts";

const formSchema = z
  .object({
    ...sendMessageFields,
    media: uploadSchema.omit({ bytes: true }).optional(),
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

/** Puts the schemas that `sendBody` refers to into the OpenAPI document. */
export function registerSendBody({ openAPIRegistry }: OpenAPIHono<AppEnv>): void {
  const schemas = { SendMessage: sendMessageSchema, SendForm: formSchema };
  for (const [name, schema] of Object.entries(schemas)) {
    const { $schema: _, $defs, ...plain } = z.toJSONSchema(schema, { io: "input" });
    const { id: __, ...component } = $defs?.[name] ?? plain; // one with a name of its own stands among the definitions
    openAPIRegistry.registerComponent("schemas", name, component as object);
  }
}

const FORM = /^multipart\/form-data\b/i;

/** Whether the call may come with a form. */
export const takesForm = ({ req }: Context): boolean =>
  req.method === "POST" &&
  /^\/sessions\/[^/]+\/send(-media)?$/.test(req.path) &&
  FORM.test(req.header("Content-Type") ?? "");

type Fields = Record<string, unknown>;

/**
 * The message that the body asks to send; what is null, or an empty part of a form, counts as absent. `translated`: what another
 * application calls otherwise. Throws `invalid_json`, `invalid_form`, `invalid_request`.
 */
export async function readSendBody(
  c: Context<AppEnv>,
  translated: (fields: Fields) => Fields = (fields) => fields,
): Promise<SendMessage> {
  if (FORM.test(c.req.header("Content-Type") ?? "")) return readForm(c, translated);
  const body: unknown = await c.req.json().catch((cause: unknown) => {
    throw new AppError("invalid_json", "The body is empty or not valid JSON.", { cause });
  });
  const given = withoutNulls(body);
  const { data, error } = sendMessageSchema.safeParse(isObject(given) ? translated(given) : given);
  return data ?? refuseInvalid(error!, "body");
}

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** As deep as a message goes: its fields, and those of its media or place. */
function withoutNulls(value: unknown, depth = 2): unknown {
  if (!isObject(value) || depth === 0) return value;
  const given = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(given.map(([name, field]) => [name, withoutNulls(field, depth - 1)]));
}

async function readForm(c: Context<AppEnv>, translated: (fields: Fields) => Fields): Promise<SendMessage> {
  const form = await c.req.formData().catch((cause: unknown) => {
    throw new AppError("invalid_form", "The body is not a complete multipart/form-data.", { cause });
  });
  const parts: Fields = {};
  for (const name of new Set(form.keys())) {
    const [value, ...more] = form.getAll(name);
    if (more.length > 0) throw invalidPart(name, "is given more than once");
    if (value instanceof File && name !== "file")
      throw invalidPart(name, "is a file; a file goes into the part `file`");
    if (name === "file" && !(value instanceof File))
      throw invalidPart(name, "must be a file, with a file name");
    if (name !== "file" && value !== "") parts[name] = fieldOf(name, value as string);
  }
  const fields = translated(parts);
  const file = form.get("file");
  if (!(file instanceof File)) {
    const { data, error } = sendMessageSchema.safeParse(fields);
    return data ?? refuseInvalid(error!, "body");
  }
  const { media } = fields;
  if (media !== undefined && (typeof media !== "object" || media === null))
    throw invalidPart("media", "must be an object, as JSON");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const upload = { ...namesOf(file), ...media, bytes };
  const { data, error } = sendUploadSchema.safeParse({ ...fields, media: upload });
  return data ?? refuseInvalid(error!, "body");
}

/** What the part itself says of its file, as far as it says anything. */
const namesOf = ({ name, type }: File) => ({
  ...(name !== "" && { filename: name }),
  ...(type !== "" && type !== "application/octet-stream" && { mimetype: type }),
});

/** A part is text; what is no text in the JSON body is JSON here. */
function fieldOf(name: string, text: string): unknown {
  const schema = (sendMessageFields as Record<string, z.ZodType>)[name];
  if (schema === undefined || schema.safeParse(text).success) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const invalidPart = (field: string, message: string) =>
  new AppError("invalid_request", "The request's body is not valid.", { details: [{ field, message }] });
