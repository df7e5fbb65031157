import type { HttpBindings } from "@hono/node-server";
import { OpenAPIHono, type z } from "@hono/zod-openapi";
import { AppError, type ErrorDetail } from "@whatsapp-engine/contract";

export type AppEnv = { Bindings: HttpBindings; Variables: { requestId: string; clientIp: string } };

/** A router whose failed validations become `invalid_request` (or the parameter's own code) with every bad field named. */
export const createRouter = () =>
  new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const { target, error } = result;
      if (target === "param") {
        const details = detailsOf(error);
        throw new AppError("invalid_session_id", "The session id is not valid.", { details });
      }
      refuseInvalid(error, target === "query" ? "query" : "body");
    },
  });

/** Throws `invalid_request`, with every bad field named. */
export function refuseInvalid(error: z.core.$ZodError, where: "body" | "query"): never {
  const details = detailsOf(error);
  throw new AppError("invalid_request", `The request's ${where} is not valid.`, { details });
}

const detailsOf = ({ issues }: z.core.$ZodError): ErrorDetail[] =>
  issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ field: [...issue.path, key].join("."), message: "is not known" }))
      : [{ field: issue.path.join("."), message: issue.message }],
  );
