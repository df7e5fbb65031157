import { pino } from "pino";
import type { AppError } from "@whatsapp-engine/contract/api";
import { expect, it, vi } from "vitest";
import { createVitals, type Vital } from "./vitals.ts";

const lines: { level: number; vital: string; msg: string }[] = [];
const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });

it("tells all that is wrong, logs each trouble and its end once, and has the rest go on when all is well", async () => {
  vi.useFakeTimers();
  try {
    let database: string | null = null;
    let runtime: Error | null = null;
    const vitals: Vital[] = [
      { name: "database", code: "database_unavailable", look: () => database },
      {
        name: "runtime",
        code: "runtime_unavailable",
        look: async () => {
          if (runtime) throw runtime;
          return null;
        },
      },
    ];
    const onRecovered = vi.fn<(names: readonly string[]) => void>();
    const { check, open, close } = createVitals({ vitals, onRecovered, log });
    const looked = () => vi.advanceTimersByTimeAsync(3_000);
    await expect(check()).resolves.toBeUndefined();
    open();

    database = "The disk is full.";
    runtime = new Error("No answer within 1 ms.");
    await looked();
    runtime = new Error("No answer within 2 ms.");
    await looked();
    const error = (await check().catch((thrown: unknown) => thrown)) as AppError;
    expect([error.code, error.message, error.retryAfterSeconds]).toEqual([
      "database_unavailable",
      "The disk is full.",
      5,
    ]);
    expect(error.details).toEqual([
      { field: "database", message: "The disk is full." },
      { field: "runtime", message: "No answer within 2 ms." },
    ]);

    database = null;
    await looked();
    expect(onRecovered).not.toHaveBeenCalled();
    await expect(check()).rejects.toMatchObject({ code: "runtime_unavailable" });
    runtime = null;
    await looked();
    await looked();
    expect(onRecovered.mock.calls).toEqual([[["database", "runtime"]]]);
    await expect(check()).resolves.toBeUndefined();
    close();
    const { length } = lines;
    database = "Again.";
    await looked();
    expect(lines.slice(0, length).map(({ level, vital, msg }) => [level, vital, msg])).toEqual([
      [50, "database", "The disk is full."],
      [50, "runtime", "No answer within 1 ms."],
      [30, "database", "is well again"],
      [30, "runtime", "is well again"],
    ]);
    expect(lines).toHaveLength(length);
  } finally {
    vi.useRealTimers();
  }
});
