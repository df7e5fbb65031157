import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";

test("what is private is blotted out, by name and within errors", () => {
  let output = "";
  const log = createLogger({ level: "info", runnerId: "r" }, { write: (line) => (output += line) });
  log.info({ token: "s3cret", send: { to: "6281234567890", text: "body" }, messageId: "m1" }, "one");
  log.warn({ err: new Error("No LID for user 6281234567890@c.us"), failure: "wid 6281234567890" }, "two");
  log.warn({ err: "auth timeout" }, "three");
  expect(output).toContain('"messageId":"m1"');
  expect(output).toContain("No LID for user [redacted]@c.us");
  expect(output).toContain("auth timeout");
  for (const secret of ["s3cret", "6281234567890", "body"]) expect(output).not.toContain(secret);
});
