import type { OpenAPIHono } from "@hono/zod-openapi";
import { createMiddleware } from "hono/factory";
import { matchedRoutes } from "hono/route";
import type { AppEnv, Declared } from "./context.ts";

/** Of a call without a route of its own: the key comes before its 404. */
const UNDECLARED: Declared = { isOpen: false, isUnlimited: false, takesJson: true, takesForm: false };

type Route = {
  security?: unknown[];
  request?: { body?: { content: object } };
  "x-rate-limit"?: boolean;
};

function declaredBy(route: Route): Declared {
  const types = Object.keys(route.request?.body?.content ?? { "application/json": null });
  return {
    isOpen: route.security?.length === 0,
    isUnlimited: route["x-rate-limit"] === false,
    takesJson: types.includes("application/json"),
    takesForm: types.includes("multipart/form-data"),
  };
}

/** Finds what a call's route declares in the API's document, for the guards before it. */
export function findDeclared({ openAPIRegistry }: OpenAPIHono<AppEnv>) {
  let all: ReadonlyMap<string, Declared> | undefined;
  // When the first call comes, every route is there.
  const readAll = () =>
    new Map(
      openAPIRegistry.definitions.flatMap((definition) => {
        if (definition.type !== "route") return [];
        const { method, path } = definition.route;
        const key = `${method.toUpperCase()} ${path.replaceAll("{", ":").replaceAll("}", "")}`;
        return [[key, declaredBy(definition.route as Route)] as const];
      }),
    );
  return createMiddleware<AppEnv>(async (c, next) => {
    all ??= readAll();
    const method = c.req.method === "HEAD" ? "GET" : c.req.method;
    const route = matchedRoutes(c).find((matched) => matched.method === method);
    c.set("declared", (route && all.get(`${method} ${route.path}`)) ?? UNDECLARED);
    await next();
  });
}
