import { expect, it } from "vitest";
import { createHook } from "./hook.ts";

it("is given away before who answers exists, and answers once they are connected", () => {
  const hook = createHook<(n: number) => number>("double");
  const { call } = hook;
  expect(() => call(2)).toThrow("Nobody answers 'double' yet.");
  hook.connect((n) => 2 * n);
  expect(call(2)).toBe(4);
  expect(() => hook.connect((n) => n)).toThrow("Somebody answers 'double' already.");
});
