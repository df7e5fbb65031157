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
