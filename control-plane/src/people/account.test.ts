import { describe, expect, it } from "vitest";
import { compareAccounts } from "./account.ts";

describe("compareAccounts", () => {
  it.each([
    ["6281234567890", "6281234567890", "same"],
    ["6281234567890", "6281234567891", "different"],
    ["6281234567890", "60123456789", "different"],
    ["6281234567890", null, "doubtful"],
    ["5511987654321", "551187654321", "same"],
    ["5491123456789", "541123456789", "same"],
    ["5215512345678", "525512345678", "same"],
    ["44447911123456", "447911123456", "doubtful"],
  ] as const)("%s against %s: %s", (expected, linked, verdict) => {
    expect(compareAccounts(expected, linked)).toBe(verdict);
  });
});
