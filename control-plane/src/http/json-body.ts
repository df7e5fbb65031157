import { createMiddleware } from "hono/factory";
import { AppError } from "@whatsapp-engine/contract";
import type { AppEnv } from "./context.ts";

/** A body must say that it is JSON; without this a form or a text would count as an empty body. */
export const requireJson = createMiddleware<AppEnv>(async (c, next) => {
  if (c.req.method === "POST" || c.req.method === "PUT" || c.req.method === "PATCH") {
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
