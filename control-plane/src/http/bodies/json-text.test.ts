import { Hono } from "hono";
import pino from "pino";
import { expect, it } from "vitest";
import { parseWellFormed } from "@whatsapp-engine/contract/runner";
import { createErrorHandler } from "../errors.ts";
import { readJsonText } from "./json-text.ts";

const app = new Hono();
app.onError(createErrorHandler(pino({ level: "silent" })) as never);
app.use(readJsonText as never);
app.post("/", async (c) => c.json({ m: ((await c.req.json()) as { m: unknown }).m }));

const post = async (body: Uint8Array | string, type = "application/json") => {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const answer = await app.request("/", {
    method: "POST",
    body: new Uint8Array(bytes),
    headers: { "Content-Type": type },
  });
  return {
    status: answer.status,
    body: (await answer.json()) as { m?: string; error?: { message: string; details: unknown[] } },
  };
};
const bytes = (...parts: (string | number)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from([part]))));

it.each([
  ["UTF-8", bytes('{"m":"é€😀"}'), "application/json", "é€😀"],
  ["UTF-8, as said", bytes('{"m":"é"}'), 'application/json; charset="UTF-8"', "é"],
  ["a mark before it", bytes(0xef, 0xbb, 0xbf, '{"m":"é"}'), "application/json", "é"],
  ["Latin 1", bytes('{"m":"caf', 0xe9, '"}'), "application/json; charset=ISO-8859-1", "café"],
  ["Windows 1252", bytes('{"m":"', 0x80, '"}'), "application/json;charset=windows-1252", "€"],
  ["Shift_JIS", bytes('{"m":"', 0x93, 0xfa, '"}'), "application/json; charset=shift_jis", "日"],
  ["UTF-16", Buffer.from('{"m":"é😀"}', "utf16le"), "application/json; charset=utf-16le", "é😀"],
  ["a pair of escapes", bytes(String.raw`{"m":"\ud83d\ude00"}`), "application/json", "😀"],
])("%s is read as it is", async (_, body, type, text) => {
  expect(await post(body, type)).toEqual({ status: 200, body: { m: text } });
});

it.each([
  ["Latin 1 that is not said to be", bytes('{"m":"caf', 0xe9, '"}'), "application/json", /is not UTF-8/],
  ["half of a character's bytes", bytes('{"m":"', 0xf0, 0x9f, '"}'), "application/json", /is not UTF-8/],
  [
    "a charset that it is not in",
    bytes('{"m":"', 0xff, '"}'),
    "application/json; charset=utf-8",
    /is not UTF-8/,
  ],
  ["a charset that nobody knows", bytes("{}"), "application/json; charset=klingon", /klingon/],
])("%s is refused", async (_, body, type, why) => {
  const answer = await post(body, type);
  expect(answer.status).toBe(400);
  expect(answer.body.error?.message).toMatch(why);
});

it.each([
  [String.raw`{"m":"ab\ud83d"}`, 8],
  [String.raw`{"recipients":[{"to":"1"},{"message":"😀x\ude00y"}]}`, 41],
  [String.raw`{"m":{"\udc00":1}}`, 7],
  [String.raw`{"m":"\ud83dx\ude00"}`, 6],
  [String.raw`{"m":"\ud83d\ud83d\ude00"}`, 6],
  [String.raw`{"m":"\ud83d\n\ude00"}`, 6],
  [String.raw`{"m":"\\\ud83d"}`, 8],
])("half a character is refused with its place: %s", async (body, at) => {
  const { status, body: answer } = await post(body);
  expect(status).toBe(400);
  expect(answer.error?.details).toEqual([
    { field: "body", message: expect.stringContaining(`position ${at},`) },
  ]);
});

it("a backslash that is one itself begins no escape", async () => {
  expect(await post(String.raw`{"m":"\\ud83d"}`)).toEqual({ status: 200, body: { m: String.raw`\ud83d` } });
});

const LENGTH = 20_000_000;

/** On a processor, whatever else the machine does. */
const usedMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

it.each([
  ["escapes of whole characters", String.raw`\ud83d\ude00`],
  ["escapes", String.raw`\u0041`],
  ["line breaks, and one escape", String.raw`\n`],
  ["quotes", String.raw`\"`],
  ["backslashes", String.raw`\\`],
])("a text of %s, 20 MB long, is looked through at once", async (_, part) => {
  const text = part.repeat(LENGTH / part.length);
  const before = usedMs();
  expect((await post(`{"m":1,"n":"${text}\\u0041"}`)).status).toBe(200);
  expect(usedMs() - before).toBeLessThan(2_000);
});

const many = (count: number) => Array.from({ length: count }, (_, index) => `"k${index}":1`).join(",");
const row = `{${many(500)}}`;

it.each([
  ["a list of a million numbers", `{"m":[${"1,".repeat(1_000_000)}1]}`, "2000 entries"],
  ["a million fields", `{${many(1_000_000)}}`, "2000 entries"],
  ["a thousand rows of 500 fields", `{"m":[${`${row},`.repeat(999)}${row}]}`, "200000 values"],
  ["lists within lists", `{"m":${"[".repeat(5_000)}${"]".repeat(5_000)}}`, "20 levels"],
  ["a million texts that are no JSON", '""'.repeat(1_000_000), "200000 values"],
])("%s is more than any call takes", async (_, body, what) => {
  const before = usedMs();
  const { status, body: answer } = await post(body);
  expect(usedMs() - before).toBeLessThan(1_000);
  expect(status).toBe(400);
  expect(JSON.stringify(answer.error?.details)).toContain(what);
});

it("what the largest calls hold is taken", async () => {
  const recipients = Array.from({ length: 1_000 }, (_, index) => ({
    to: `62812${index}`,
    name: '"Ani", [Bogor',
  }));
  expect(await post(JSON.stringify({ m: "x", recipients }))).toEqual({ status: 200, body: { m: "x" } });
  const mentions = Array.from({ length: 1_024 }, () => "6281234567890");
  expect((await post(JSON.stringify({ m: String.raw`\"[`, mentions }))).status).toBe(200);
});

it("what a stranger wrote is kept, with a replacement for half a character", () => {
  expect(parseWellFormed(String.raw`{"a":"x\ud83dy","b":["\ud83d\ude00"]}`)).toEqual({
    a: "x\u{FFFD}y",
    b: ["😀"],
  });
});
