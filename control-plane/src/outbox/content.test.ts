import { AppError, sendMessageSchema } from "@whatsapp-engine/contract/api";
import { expect, it } from "vitest";
import { toContent } from "./content.ts";

const contentOf = (fields: object) =>
  toContent(sendMessageSchema.parse({ to: "6281200000001", ...fields }), "ID");
const place = { latitude: -6.2, longitude: 106.8 };
const poll = { question: "Lunch?", options: ["Soto", "Gado-gado"] };
const media = { url: "https://example.com/a" };

it.each([
  [{ message: "hello" }, { text: "hello", content: null }],
  [
    { type: "video", media, message: "under it" },
    { text: "under it", content: null },
  ],
  [
    { type: "image", media, caption: "this" },
    { text: "this", content: null },
  ],
  [
    { type: "sticker", media, message: "" },
    { text: null, content: null },
  ],
  [
    { type: "location", location: place },
    { text: null, content: { location: place } },
  ],
  [
    { type: "poll", poll },
    { text: null, content: { poll: { ...poll, multiple: false } } },
  ],
  [
    { type: "contact", contact: { name: "Ani", phoneNumber: "0812-0000-0005" } },
    { text: null, content: { contacts: [{ name: "Ani", phoneNumber: "6281200000005" }] } },
  ],
  [
    {
      message: "@6281200000005 @123",
      mentions: ["081200000005", "123456789012345@lid"],
      quotedId: "true_1@c.us_A",
    },
    {
      text: "@6281200000005 @123",
      content: { quotedId: "true_1@c.us_A", mentions: ["6281200000005@c.us", "123456789012345@lid"] },
    },
  ],
])("%j", (fields, expected) => {
  expect(contentOf(fields)).toEqual(expected);
});

it.each([
  [{ type: "contact", contact: { name: "Ani", phoneNumber: "home" } }, "contact.phoneNumber"],
  [
    {
      type: "contact",
      contacts: [
        { name: "Ani", phoneNumber: "6281200000005" },
        { name: "Budi", phoneNumber: "x" },
      ],
    },
    "contacts.1.phoneNumber",
  ],
  [{ message: "hi", mentions: ["6281200000005", "somebody"] }, "mentions.1"],
  [{ message: "hi", mentions: ["120363000000000001@g.us"] }, "mentions.0"],
])("%j names its bad field", (fields, field) => {
  try {
    contentOf(fields);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: "invalid_phone_number", details: [{ field }] });
  }
});
