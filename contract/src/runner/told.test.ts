import { expect, test } from "vitest";
import { runnerEventSchema, runnerStateSchema } from "./protocol.ts";
import { cut, MAX_BODY_LENGTH, toldMimetypeSchema } from "./told.ts";

const HALF = "\ud83d";
const plain = {
  type: "message_received",
  whatsappId: "false_6281234567890@c.us_3A",
  chatId: "6281234567890@c.us",
  from: "6281234567890@c.us",
  author: null,
  phoneNumber: "6281234567890",
  pushName: "Ani",
  isGroup: false,
  kind: "chat",
  body: "hello",
  hasMedia: true,
  mimetype: "application/pdf",
  filename: "a.pdf",
  quotedId: null,
  location: { latitude: 1, longitude: 2 },
  timestamp: "2026-11-30T00:00:00.000Z",
};

test("a text is cut between characters, and half a character replaced", () => {
  expect(cut("ab😀", 3)).toBe("ab");
  expect(cut("ab😀", 4)).toBe("ab😀");
  expect(cut(`a${HALF}b`, 3)).toBe("a\ufffdb");
});

test.each(["application/pdf", "audio/ogg; codecs=opus", "text/x-c++;charset=utf-8", "video/mp4 ; a=b"])(
  "%s is a media type",
  (type) => expect(toldMimetypeSchema.parse(type)).toBe(type),
);
test.each(["", "pdf", "a/b/c", "a /b", "a/b\r\nx: y", "é/b", `a/${"b".repeat(255)}`, 7, {}, undefined])(
  "%s is none",
  (type) => expect(toldMimetypeSchema.parse(type)).toBeNull(),
);

test.each([
  ["phoneNumber", "x", null],
  ["phoneNumber", "1".repeat(100_000), null],
  ["pushName", 7, null],
  ["pushName", "x".repeat(100_000), "x".repeat(255)],
  ["kind", ["chat"], "unknown"],
  ["kind", "x".repeat(100_000), "x".repeat(64)],
  ["body", { text: 1 }, ""],
  ["body", "x".repeat(1_000_000), "x".repeat(MAX_BODY_LENGTH)],
  ["body", `a${HALF}`, "a\ufffd"],
  ["mimetype", "a".repeat(91), null],
  ["filename", "x".repeat(100_000), "x".repeat(255)],
  ["filename", `${HALF}.pdf`, "\ufffd.pdf"],
  ["filename", 7, null],
  ["quotedId", [], null],
  ["author", {}, null],
  ["location", { latitude: 1_000, longitude: 0 }, null],
  ["location", "here", null],
  ["whatsappId", "x".repeat(100_000), "x".repeat(512)],
])("%s that is long or odd is no reason to lose a message", (field, told, read) => {
  expect(runnerEventSchema.parse({ ...plain, [field]: told })).toEqual({ ...plain, [field]: read });
});

test("every field at once, as long as it may be told, is read in time that grows with its length", () => {
  const began = performance.now();
  for (const field of Object.keys(plain))
    for (const long of ["a;".repeat(1_000_000), "a".repeat(2_000_000), "/; ".repeat(700_000)])
      runnerEventSchema.safeParse({ ...plain, [field]: long });
  expect(performance.now() - began).toBeLessThan(2_000);
});

test("a state with the reason of a newer runner is a state", () => {
  const state = {
    runnerId: "r",
    profileId: "p",
    status: "connected",
    reason: "of_tomorrow",
    detail: "x".repeat(100_000),
    qr: null,
    account: null,
    whatsappVersion: null,
    libraryVersion: "1",
    mends: [],
    lastSeq: 0,
    since: plain.timestamp,
  };
  expect(runnerStateSchema.parse(state)).toMatchObject({
    reason: "unknown_state",
    detail: "x".repeat(2_000),
  });
});
