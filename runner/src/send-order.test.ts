import { expect, test } from "vitest";
import { createOrder } from "./send-order.ts";

test("one name goes in order, another does not wait, and a failure holds up nobody", async () => {
  const inOrder = createOrder();
  const told: string[] = [];
  let release = (): void => {};
  const first = new Promise<void>((resolve) => {
    release = resolve;
  });
  const failing = inOrder("a", () => first.then(() => Promise.reject(new Error("no"))));
  const second = inOrder("a", async () => void told.push("a2"));
  await inOrder("b", async () => void told.push("b1"));
  expect(told).toEqual(["b1"]);
  release();
  await expect(failing).rejects.toThrow("no");
  await second;
  expect(told).toEqual(["b1", "a2"]);
});
