import { beforeEach, expect, test } from "vitest";
import { createLadder, type Cause, type Ladder } from "./ladder.ts";

let now = 0;
let ladder: Ladder;
beforeEach(() => {
  now = 0;
  ladder = createLadder(() => now);
});
const next = (cause: Cause, browserRuns = true) => ladder.next({ cause, browserRuns });

test.each(["page_hung", "page_crashed", "out_of_memory", "memory_high"] as const)(
  "%s: another page, then another browser, then another runner",
  (cause) => {
    expect([next(cause), next(cause), next(cause)]).toEqual(["page", "browser", "give_up"]);
  },
);

test("without a browser there is no page to open: another browser at once", () => {
  expect([next("browser_gone", false), next("start_failed", false)]).toEqual(["browser", "give_up"]);
  ladder.back();
  expect(next("out_of_memory", false)).toBe("browser");
});

test("the browser goes while a page is opened anew: the next means is the browser", () => {
  expect([next("page_crashed"), next("browser_gone", false)]).toEqual(["page", "browser"]);
});

test("a start that never ends has another browser, once; one that fails has none", () => {
  expect([next("start_timeout"), next("start_timeout")]).toEqual(["browser", "give_up"]);
  ladder = createLadder(() => now);
  expect(next("start_failed", false)).toBe("give_up");
});

test("each trouble after the session was back begins with the mildest, three times in ten minutes", () => {
  for (let time = 0; time < 3; time += 1) {
    expect(next("page_hung")).toBe("page");
    ladder.back();
    now += 60_000;
  }
  expect(next("page_hung")).toBe("give_up");
});

test("memory is brought back however often it is high, by another browser where a page was not enough", () => {
  for (let time = 0; time < 5; time += 1) {
    expect(next("memory_high")).toBe("page");
    ladder.back();
    expect(ladder.next({ cause: "memory_high", browserRuns: true, atLeast: "browser" })).toBe("browser");
    ladder.back();
  }
  expect(next("page_hung")).toBe("page");
});

test("mends of more than ten minutes ago do not count", () => {
  for (let time = 0; time < 10; time += 1) {
    expect(next("page_hung")).toBe("page");
    ladder.back();
    now += 200_000; // the fourth comes ten minutes after the first
  }
});
