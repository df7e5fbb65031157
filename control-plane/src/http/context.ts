import type { HttpBindings } from "@hono/node-server";
import { OpenAPIHono } from "@hono/zod-openapi";
import { AppError, type ErrorDetail } from "@whatsapp-engine/contract";

export type AppEnv = { Bindings: HttpBindings; Variables: { requestId: string; clientIp: string } };

/** A router whose failed validations become `invalid_request` (or the parameter's own code) with every bad field named. */
export const createRouter = () =>
  new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const details: ErrorDetail[] = result.error.issues.flatMap((issue) =>
        issue.code === "unrecognized_keys"
          ? issue.keys.map((key) => ({ field: [...issue.path, key].join("."), message: "is not known" }))
          : [{ field: issue.path.join("."), message: issue.message }],
      );
      if (result.target === "param") {
        throw new AppError("invalid_session_id", "The session id is not valid.", { details });
      }
      const where = result.target === "query" ? "query" : "body";
      throw new AppError("invalid_request", `The request's ${where} is not valid.`, { details });
    },
  });
