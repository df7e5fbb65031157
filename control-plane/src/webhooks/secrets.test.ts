import { createWebhookSchema } from "@whatsapp-engine/contract/api";
import { describe, expect, it } from "vitest";
import { makeSecret, secretsOf } from "./secrets.ts";

describe("secrets", () => {
  it("are of a form that the API takes, and never twice the same", () => {
    const secret = makeSecret();
    expect(createWebhookSchema.parse({ url: "https://example.com", secret }).secret).toBe(secret);
    expect(makeSecret()).not.toBe(secret);
  });

  it("sign both until the former one's time is over", () => {
    const rotated = { secret: "new", formerSecret: "old", formerSecretUntil: 1_000 };
    expect(secretsOf(rotated, 999)).toEqual(["new", "old"]);
    expect(secretsOf(rotated, 1_000)).toEqual(["new"]);
    expect(secretsOf({ secret: "only", formerSecret: null, formerSecretUntil: null }, 0)).toEqual(["only"]);
  });

  it.each([
    ["no prefix", Buffer.alloc(32).toString("base64"), false],
    ["too short", `whsec_${Buffer.alloc(23).toString("base64")}`, false],
    ["too long", `whsec_${Buffer.alloc(65).toString("base64")}`, false],
    ["no base64", `whsec_${"%".repeat(40)}`, false],
    ["the shortest", `whsec_${Buffer.alloc(24).toString("base64")}`, true],
    ["the longest", `whsec_${Buffer.alloc(64).toString("base64")}`, true],
    ["the longest but one", `whsec_${Buffer.alloc(63).toString("base64")}`, true],
  ])("given by the caller: %s", (_, secret, ok) => {
    expect(createWebhookSchema.safeParse({ url: "https://example.com", secret }).success).toBe(ok);
  });
});
