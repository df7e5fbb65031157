import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { AppError } from "@whatsapp-engine/contract";
import type { AppEnv } from "./context.ts";
import { takesForm } from "./send-body.ts";

/** A body must say that it is JSON; without this a form or a text would count as an empty body. No body needs no type. */
export const requireJson = createMiddleware<AppEnv>(async (c, next) => {
  const { method } = c.req;
  if ((method === "POST" || method === "PUT" || method === "PATCH") && hasBody(c) && !takesForm(c)) {
    const type = c.req.header("Content-Type")?.split(";")[0]?.trim().toLowerCase();
    if (type !== "application/json") {
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
