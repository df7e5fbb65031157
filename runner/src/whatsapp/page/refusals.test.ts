import { afterEach, expect, test, vi } from "vitest";
import { LIMIT_REACHED, RESTRICTED } from "../client.ts";
import { noteRefusals } from "./refusals.ts";
import type { Msg, PageEngine } from "./window.ts";

afterEach(() => vi.unstubAllGlobals());

/** What a new document says of a message that was refused before it was there: `lockEnd` in Unix milliseconds. */
const told = (lockEnd: number | null | undefined, errorCode?: string) => {
  const modules: Record<string, unknown> = {
    WAWebReachoutTimelockUtils: { REACHOUT_TIMELOCK_IDB_KEY: "lock" },
    WAWebUserPrefsIndexedDBStorage: {
      userPrefsIdb: {
        get: () => (lockEnd === undefined ? undefined : lockEnd ? { time_enforcement_ends: lockEnd } : {}),
      },
    },
    WAWebErrorType: { SendFailureErrorCode: { UserReachedMaxMonthlyLimitForNewMessages: "monthly" } },
  };
  const engine: Partial<PageEngine> = {};
  const load = (name: string) => {
    if (!(name in modules)) throw new Error(`no module ${name}`);
    return modules[name];
  };
  vi.stubGlobal("window", { engine, require: load });
  noteRefusals(10, RESTRICTED, LIMIT_REACHED);
  return engine.refusalOf!({ id: { id: "A1" }, ack: -1, errorCode } as unknown as Msg);
};

test("a message that was refused before this document is laid to a lock that holds, and to no other", () => {
  const later = Date.now() + 60_000;
  expect(told(later)).toEqual({ code: RESTRICTED, untilUnixMs: later });
  expect(told(null)).toEqual({ code: RESTRICTED, untilUnixMs: null });
  expect(told(Date.now() - 60_000)).toEqual({ code: null, untilUnixMs: null });
  expect(told(undefined)).toEqual({ code: null, untilUnixMs: null });
  expect(told(undefined, "monthly")).toEqual({ code: LIMIT_REACHED, untilUnixMs: null });
});
