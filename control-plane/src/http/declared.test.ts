import { expect, it } from "vitest";
import { bareApp, bareDocument } from "./test-support/bare-app.ts";

const call = bareApp();
const withoutKey = { "X-API-Key": "" };

it("only calls that declare it need no key", async () => {
  const open = bareDocument().definitions.flatMap((definition) =>
    definition.type === "route" && definition.route.security?.length === 0
      ? [`${definition.route.method.toUpperCase()} ${definition.route.path}`]
      : [],
  );
  expect(open.toSorted()).toEqual(["GET /health", "GET /health/ready", "GET /openapi.json", "GET /ping"]);
  for (const one of open) expect((await call(one, undefined, withoutKey)).status, one).not.toBe(401);
  for (const one of ["GET /sessions", "GET /none", "POST /ping", "GET /health/cleanup"])
    expect((await call(one, undefined, withoutKey)).status, one).toBe(401);
});

it("who watches the engine is not counted, who reads the document is", async () => {
  const statuses = async (one: string) => {
    const all = await Promise.all(Array.from({ length: 70 }, () => call(one, undefined, withoutKey)));
    return new Set(all.map(({ status }) => status));
  };
  const fresh = bareApp();
  expect(await statuses("GET /ping")).toEqual(new Set([200]));
  const document = await Promise.all(
    Array.from({ length: 70 }, () => fresh("GET /openapi.json", undefined, withoutKey)),
  );
  expect(document.map(({ status }) => status)).toContain(429);
});

it.each([
  ["POST /sessions/s/send", "application/json", true],
  ["POST /sessions/s/send", "multipart/form-data; boundary=b", true],
  ["POST /sessions/s/messages/bulk", "multipart/form-data; boundary=b", true],
  ["POST /sessions/s/send-simple", "multipart/form-data; boundary=b", true],
  ["POST /sessions/create", "multipart/form-data; boundary=b", false],
  ["POST /sessions/s/send", "text/plain", false],
  ["POST /nowhere", "text/plain", false],
])("%s with a body of %s: may be %s", async (one, type, isTaken) => {
  const { status } = await call(one, "{}", { "Content-Type": type, "Content-Length": "2" });
  expect(status === 415).toBe(!isTaken);
});
