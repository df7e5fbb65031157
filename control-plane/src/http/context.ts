import type { HttpBindings } from "@hono/node-server";
import { OpenAPIHono, type z } from "@hono/zod-openapi";
import { AppError, fieldNamed, problemsOf } from "@whatsapp-engine/contract/api";

/** What a route declares of itself, in the words of the OpenAPI document. */
export type Declared = {
  /** `security: []`: it needs no key. */
  isOpen: boolean;
  /** `x-rate-limit: false`: whoever watches the engine may call it as often as they like. */
  isUnlimited: boolean;
  /** The types of its body. One that takes a form only reads its body itself, of whatever size. */
  takesJson: boolean;
  takesForm: boolean;
};

export type AppEnv = {
  Bindings: HttpBindings;
  Variables: {
    declared: Declared;
    requestId: string;
    clientIp: string;
    /** What came with the call takes no memory any more. */
    bodyDone?: () => void;
  };
};

/** A router whose failed validations become `invalid_request` (or the session id's own code) with every bad field named. */
export const createRouter = () =>
  new OpenAPIHono<AppEnv>({
    defaultHook: (result, c) => {
      if (result.success) return;
      const { target, error } = result;
      if (target === "query") refuseRepeated(c.req.queries());
      refuseInvalid(error, target in NOT_VALID ? (target as Where) : "body");
    },
  });

const NOT_VALID = {
  body: "The request's body is not valid.",
  query: "The request's query is not valid.",
  param: "The request's path is not valid.",
  header: "The request's headers are not valid.",
} as const;
type Where = keyof typeof NOT_VALID;

/** Throws `invalid_request`, or `invalid_session_id`, with every bad field named. */
export function refuseInvalid(error: z.core.$ZodError, where: Where): never {
  const details = problemsOf(error);
  if (where === "param" && details.some(({ field }) => field === "sessionId"))
    throw new AppError("invalid_session_id", "The session id is not valid.", { details });
  throw new AppError("invalid_request", NOT_VALID[where], { details });
}

const MAX_REPEATED = 50;
/** Of a parameter that is given twice a schema says that it must be no list, though its caller wrote none. */
function refuseRepeated(queries: Record<string, string[]>): void {
  const repeated = Object.keys(queries)
    .filter((name) => queries[name]!.length > 1)
    .slice(0, MAX_REPEATED);
  const details = repeated.map((name) => ({ field: fieldNamed([name]), message: "is given more than once" }));
  if (details.length > 0) throw new AppError("invalid_request", NOT_VALID.query, { details });
}
