import { expect, test } from "vitest";
import { readPageError } from "./page-errors.ts";

const named = (name: string, message: string, stack = "") =>
  Object.assign(new Error(message), { name, stack });

test.each([
  [
    named("r", "r", "r: r\n    at e.sendMsg (https://static.whatsapp.net/rsrc.php/v4/yB/r/aBc.js:12:3456)"),
    'an error without words ("r: r", at e.sendMsg, aBc.js:12:3456)',
  ],
  [named("t", "t"), 'an error without words ("t: t")'],
  [
    "r: r\nr: r\n    at https://web.whatsapp.com/:10:20",
    'an error without words ("r: r", at the page:10:20)',
  ],
  [
    new DOMException("x", "InvalidMediaFileType"),
    'the file is not of the kind that its message says; it says "InvalidMediaFileType: x"',
  ],
  [
    "Error: Lid is missing in chat table",
    `it does not know the person's id (LID) yet, which it asks WhatsApp for; it says "Lid is missing in chat table"`,
  ],
  [
    named("TypeError", "Cannot read properties of undefined (reading 'x')"),
    `a part of it is not where it was before; it says "TypeError: Cannot read properties of undefined (reading 'x')"`,
  ],
  ["something new", '"something new"'],
  [undefined, '"undefined"'],
  [null, '"null"'],
])("%s", (cause, words) => {
  expect(readPageError(cause)).toBe(words);
});

test("a text without an end is cut, and read in no time", () => {
  const begun = performance.now();
  expect(readPageError("at ".repeat(300_000)).length).toBeLessThan(400);
  expect(readPageError(`x\n${"at https://a".repeat(100_000)}`).length).toBeLessThan(400);
  expect(readPageError(`x\nat https://${"a".repeat(300_000)}`)).toBe('an error without words ("x")');
  expect(performance.now() - begun).toBeLessThan(5_000);
});
