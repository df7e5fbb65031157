import { z, type OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import {
  readBulkSchema,
  readBulkUploadSchema,
  sendBulkSchema,
  uploadSchema,
  type SendBulk,
} from "@whatsapp-engine/contract/api";
import { refuseInvalid, type AppEnv } from "../context.ts";
import { isForm } from "./form.ts";
import { readFields, readJson, registerBodies } from "./send-body.ts";

const formSchema = z
  .object({
    ...sendBulkSchema.shape,
    csv: sendBulkSchema.shape.csv.meta({ description: "The table, as a file or as text" }),
    media: uploadSchema.omit({ bytes: true, partType: true }).optional(),
    file: z.any().meta({ type: "string", format: "binary", description: "The media, for all" }),
  })
  .meta({
    description:
      "The fields of the JSON body as parts, nested ones as JSON, the table and the media as files",
  });

/** What `POST …/messages/bulk` takes; `readBulkBody` checks it. */
export const bulkBody = {
  required: true,
  content: {
    "application/json": { schema: { $ref: "#/components/schemas/SendBulk" } },
    "multipart/form-data": { schema: { $ref: "#/components/schemas/SendBulkForm" } },
  },
};

export const registerBulkBody = (router: OpenAPIHono<AppEnv>): void =>
  registerBodies(router, { SendBulk: sendBulkSchema, SendBulkForm: formSchema });

/** The bulk that the body asks for; its recipients are not looked at yet. Throws `invalid_json`, `invalid_form`, `invalid_request`. */
export async function readBulkBody(c: Context<AppEnv>): Promise<SendBulk> {
  if (!isForm(c.req.header("Content-Type"))) {
    const { data, error } = readBulkSchema.safeParse(await readJson(c));
    return data ?? refuseInvalid(error!, "body");
  }
  const { fields, media } = await readFields(c, sendBulkSchema.shape, ["csv"]);
  const { data, error } = media
    ? readBulkUploadSchema.safeParse({ ...fields, media })
    : readBulkSchema.safeParse(fields);
  return data ?? refuseInvalid(error!, "body");
}
