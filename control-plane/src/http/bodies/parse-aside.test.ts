import { monitorEventLoopDelay } from "node:perf_hooks";
import { expect, it } from "vitest";
import { parseAside } from "./parse-aside.ts";

it("parses what JSON.parse does, and refuses what it refuses", async () => {
  for (const value of [{ a: [1, "é\n", null, { b: true }] }, [], "text", 0, null])
    expect(await parseAside(JSON.stringify(value))).toEqual(value);
  for (const text of ["", "{", "nonsense", "{'a': 1}"])
    await expect(parseAside(text)).rejects.toThrow(SyntaxError);
});

it("refuses no text because its thread fails", async () => {
  for (const program of ["throw new Error('no room')", "process.exit(1)"]) {
    expect(await parseAside('{"a":1}', program)).toEqual({ a: 1 });
    await expect(parseAside("{", program)).rejects.toThrow(SyntaxError);
  }
});

it("holds up nobody meanwhile", async () => {
  const table = "1,2\n".repeat(4_000_000);
  const text = JSON.stringify({ table });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const parsed = (await parseAside(text)) as { table: string };
  delay.disable();
  expect(parsed.table.length).toBe(table.length);
  expect(delay.max / 1e6).toBeLessThan(500);
});
