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
        ALLOWED_IPS: "127.0.0.0/8,10.1.0.0/16,2001:db8::/32",
        RATE_LIMIT_WITHOUT_KEY: "30",
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
    expect(engine.output()).not.toContain('"wrong"');
    const logged = engine
      .output()
      .split("\n")
      .filter((line) => line.includes("wrong API key"));
    expect(logged.map((line) => (JSON.parse(line) as { clientIp: string }).clientIp)).toEqual([
      "10.1.2.3",
      "10.1.2.4",
    ]);
  });

  it("refuses many calls without a key from one address, all others and its health's not", async () => {
    const ask = (path: string, address: string) =>
      engine.api(`GET ${path}`, undefined, { key: null, ...from(address) });
    const statuses = async (path: string, address: string) => {
      const answers = await Promise.all(Array.from({ length: 31 }, () => ask(path, address)));
      return answers.map(({ status }) => status).toSorted();
    };
    expect(await statuses("/openapi.json", "10.1.3.1")).toEqual([...Array(30).fill(200), 429]);
    const refused = await ask("/sessions", "10.1.3.1");
    expect([refused.status, refused.body.error?.code]).toEqual([429, "rate_limited"]);
    expect(refused.body.error?.message).toContain("RATE_LIMIT_WITHOUT_KEY");
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect(Number(refused.headers["retry-after"])).toBeLessThanOrEqual(60);
    for (const path of ["/health", "/health/ready"]) expect((await ask(path, "10.1.3.1")).status).toBe(200);
    expect((await ask("/openapi.json", "10.1.3.2")).status).toBe(200);
    expect((await engine.api("GET /openapi.json", undefined, from("10.1.3.1"))).status).toBe(200);
    // Whoever has one address of IPv6 has 2^64.
    expect(await statuses("/openapi.json", "2001:db8:0:1::1")).toContain(429);
    expect((await ask("/openapi.json", "2001:db8:0:1:ffff::2")).status).toBe(429);
    expect((await ask("/openapi.json", "2001:db8:0:2::1")).status).toBe(200);
  });

  it.each([
    ["10.1.255.1:4711", 200],
    ["[2001:db8::7]:4711", 200],
    ["[2001:db8::7]", 200],
    ["10.2.0.1:4711", 403],
    ["10.1.0.1:4711, 10.2.0.1:4711", 403],
    ["[2001:db9::7]:4711", 403],
    ["10.1.255.1:", 403],
    ["unknown", 403],
    [`10.1.255.1:4711${"1".repeat(4_000)}`, 403],
  ])("a proxy that names a caller as %s: %i", async (address, status) => {
    expect((await engine.api("GET /sessions", undefined, from(address))).status).toBe(status);
  });

  it("keeps a connection open for longer than a proxy does", async () => {
    const { headers } = await engine.api("GET /health", undefined, { headers: { Connection: "keep-alive" } });
    // nginx keeps one to us for 60 s, Caddy for 2 minutes.
    expect(Number(/timeout=(\d+)/.exec(headers["keep-alive"] ?? "")?.[1])).toBeGreaterThan(120);
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
