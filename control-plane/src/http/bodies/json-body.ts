import { setTimeout as delay } from "node:timers/promises";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { AppError } from "@whatsapp-engine/contract/api";
import type { z } from "@hono/zod-openapi";
import { refuseInvalid, type AppEnv } from "../context.ts";
import { isForm } from "./form.ts";

/**
 * A body must say that it is JSON; without this a form or a text would count as an empty body. No body needs no type, nor does one
 * of unknown length that turns out empty, as some clients send where they have none.
 */
export const requireJson = createMiddleware<AppEnv>(async (c, next) => {
  const { method } = c.req;
  const { takesForm } = c.get("declared");
  const mayBeForm = takesForm && isForm(c.req.header("Content-Type"));
  if ((method === "POST" || method === "PUT" || method === "PATCH") && hasBody(c) && !mayBeForm) {
    const type = c.req.header("Content-Type")?.split(";")[0]?.trim().toLowerCase();
    if (type !== "application/json" && !(await isEmpty(c))) {
      throw new AppError(
        "unsupported_media_type",
        "Send the body as JSON, with the header Content-Type: application/json.",
      );
    }
  }
  await next();
});

const hasBody = (c: Context): boolean =>
  Number(c.req.header("Content-Length") ?? 0) > 0 || c.req.header("Transfer-Encoding") !== undefined;

/** The end of an empty body comes with its beginning, or right behind it. */
const END_MS = 20;

/** Without reading it: who still writes another one is told at once that it is not taken. */
async function isEmpty({ req, env: { incoming } }: Context<AppEnv>): Promise<boolean> {
  if (req.header("Transfer-Encoding") === undefined) return false;
  if (!incoming.complete && incoming.readableLength === 0) await delay(END_MS);
  return incoming.complete && incoming.readableLength === 0;
}

/**
 * A JSON body that may be left out: nothing, `{}` and `[]`, which is how PHP writes an empty list of fields, are the same.
 * Throws `invalid_json`, `invalid_request`.
 */
export async function readOptionalJson<T extends z.ZodType>(
  c: Context<AppEnv>,
  schema: T,
): Promise<z.infer<T>> {
  const text = await c.req.text();
  const { data, error } = schema.safeParse(text.trim() === "" ? {} : noFields(parsed(text)));
  return error ? refuseInvalid(error, "body") : data;
}

const noFields = (value: unknown): unknown => (Array.isArray(value) && value.length === 0 ? {} : value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError("invalid_json", "The body is not valid JSON.", { cause });
  }
}
