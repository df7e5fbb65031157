import { expect, it } from "vitest";
import { createLogger } from "./logger.ts";

function logged(fields: object): string {
  let output = "";
  createLogger("trace", { write: (line) => (output += line) }).trace({ ...fields, sessionId: "a" }, "said");
  expect(output).toContain('"sessionId":"a"');
  return output;
}

const inside = [
  "phoneNumber",
  "to",
  "from",
  "qr",
  "body",
  "text",
  "caption",
  "apiKey",
  "token",
  "passphrase",
];

it.each([...inside, "code", "message"])("a field named %s is blotted out", (name) => {
  expect(logged({ [name]: "s3cret" })).not.toContain("s3cret");
});

it.each(inside)("a field named %s is blotted out in an object of the line", (name) => {
  expect(logged({ inner: { [name]: "s3cret" } })).not.toContain("s3cret");
});

it("an error keeps its message and its code", () => {
  const err = Object.assign(new Error("it broke"), { code: "ENOENT" });
  expect(JSON.parse(logged({ err }))).toMatchObject({ err: { message: "it broke", code: "ENOENT" } });
});
