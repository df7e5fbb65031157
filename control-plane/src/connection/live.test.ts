import { describe, expect, it } from "vitest";
import { createLiveSessions } from "./live.ts";

describe("live sessions", () => {
  it.each(["error", "__proto__", "newListener", "a"])(
    "wakes those who wait for a session named %s",
    async (id) => {
      const live = createLiveSessions();
      live.notify(id);
      let value: number | undefined;
      const waiting = live.waitFor(id, () => value, { timeoutMs: 5_000 });
      value = 1;
      live.notify(id);
      expect(await waiting).toBe(1);
    },
  );

  it("stops waiting when the caller goes away", async () => {
    const caller = new AbortController();
    const waiting = createLiveSessions().waitFor("a", () => undefined, {
      timeoutMs: 60_000,
      signal: caller.signal,
    });
    caller.abort();
    expect(await waiting).toBeUndefined();
  });

  it.each([0, 1e-9, 4.3623])("waits %s ms, which need not be whole", async (timeoutMs) => {
    expect(await createLiveSessions().waitFor("a", () => undefined, { timeoutMs })).toBeUndefined();
  });
});
