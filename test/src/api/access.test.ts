import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEngine, type Engine } from "../support/engine.ts";

/** Who may call, and how often. */
describe("access", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({
      runtime: "process",
      stubs: true,
      settings: {
        RATE_LIMIT_PER_MINUTE: "20",
        TRUSTED_PROXIES: "127.0.0.1",
        ALLOWED_IPS: "127.0.0.0/8,10.1.0.0/16",
      },
    });
  });
  afterAll(() => engine.stop());
  const from = (address: string) => ({ headers: { "X-Forwarded-For": address } });

  it.each([
    "GET /sessions",
    "POST /sessions/create",
    "GET /sessions/a/qr",
    "DELETE /sessions/a",
    "GET /nothing",
  ])("%s needs the key", async (call) => {
    const answer = await engine.api(call, undefined, { key: null });
    expect([answer.status, answer.body.error?.code]).toEqual([401, "unauthorized"]);
  });

  it("health and the API's description need none", async () => {
    for (const path of ["/health", "/health/ready", "/openapi.json"]) {
      expect((await engine.api(`GET ${path}`, undefined, { key: null })).status).toBe(200);
    }
  });

  it("slows wrong keys of one address down, then refuses them, and never the right one", async () => {
    const attempt = () => engine.api("GET /sessions", undefined, { key: "wrong", ...from("10.1.2.3") });
    const answers = [];
    for (let i = 0; i < 12; i++) answers.push(await attempt());
    expect(answers.slice(0, 10).map(({ status }) => status)).toEqual(Array(10).fill(401));
    expect(answers[10]?.body.error?.code).toBe("too_many_wrong_keys");
    expect(Number(answers[10]?.headers["retry-after"])).toBeGreaterThan(0);
    expect((await engine.api("GET /sessions", undefined, from("10.1.2.3"))).status).toBe(200);
    expect((await engine.api("GET /sessions", undefined, { key: "wrong", ...from("10.1.2.4") })).status).toBe(
      401,
    );
    expect(engine.output()).toContain("wrong API key");
    expect(engine.output()).not.toContain('"wrong"');
  });

  it("lets only the listed addresses in, and believes a forwarded address only from a trusted proxy", async () => {
    expect((await engine.api("GET /sessions", undefined, from("10.1.255.1"))).status).toBe(200);
    const refused = await engine.api("GET /sessions", undefined, from("10.2.0.1"));
    expect([refused.status, refused.body.error?.code]).toEqual([403, "ip_not_allowed"]);
    // The proxy's word on the address before is not the proxy's own: only the last one counts.
    expect((await engine.api("GET /sessions", undefined, from("10.1.0.1, 10.2.0.1"))).status).toBe(403);
  });

  it("counts calls of a key, tells how many are left, and refuses beyond", async () => {
    let last = await engine.api("GET /sessions");
    const left = () => Number(/remaining=(\d+)/.exec(last.headers["ratelimit"] ?? "")?.[1]);
    expect(last.headers["ratelimit-policy"]).toBe("20;w=60");
    const before = left();
    last = await engine.api("GET /sessions");
    expect(left()).toBe(before - 1);
    for (let i = 0; i < 25; i++) last = await engine.api("GET /sessions");
    expect([last.status, last.body.error?.code]).toEqual([429, "rate_limited"]);
    expect(Number(last.headers["retry-after"])).toBeGreaterThan(0);
    expect((await engine.api("GET /health", undefined, { key: null })).status).toBe(200);
  });
});
