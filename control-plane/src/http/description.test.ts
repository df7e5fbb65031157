import { expect, it } from "vitest";
import { bareApp } from "./test-support/bare-app.ts";

/** To make it takes about 60 ms. */
const [CALLS, MOST_MS] = [40, 1_000];

it("the API's description is made once, whoever asks for it", async () => {
  const call = bareApp();
  const { status, body } = await call("GET /openapi.json");
  expect([status, body]).toMatchObject([200, { openapi: "3.1.0", paths: {}, components: {} }]);
  const before = process.cpuUsage();
  for (let i = 0; i < CALLS; i++) expect((await call("GET /openapi.json")).status).toBe(200);
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(MOST_MS);
});

it("it says of each call behind the key what is refused before its route", async () => {
  const call = bareApp();
  const { paths } = (await call("GET /openapi.json")).body as unknown as {
    paths: Record<string, Record<string, { responses: Record<string, { description: string }> }>>;
  };
  const codes = (path: string, method: string, status: number) =>
    paths[path]?.[method]?.responses[status]?.description.split(", ") ?? [];
  expect(codes("/webhooks/{webhookId}", "get", 400)).toEqual(["invalid_request"]);
  expect(codes("/webhooks/{webhookId}", "get", 413)).toEqual(["body_too_large"]);
  expect(codes("/webhooks/{webhookId}", "get", 415)).toEqual([]);
  expect(codes("/webhooks/{webhookId}/test", "post", 400)).toEqual(["invalid_request", "invalid_json"]);
  expect(codes("/webhooks/{webhookId}/test", "post", 415)).toEqual(["unsupported_media_type"]);
  expect(codes("/sessions/{sessionId}/send", "post", 503)).toContain("too_busy");
  expect(codes("/health", "get", 413)).toEqual([]);
});
