import { expect, it } from "vitest";
import { reactSchema } from "./actions.ts";
import { sendMessageSchema } from "./message.ts";
import { createWebhookSchema } from "./webhook.ts";

const MEGABYTE = 1_000_000;
const long = "a".repeat(MEGABYTE);
const to = "6281200000001";

it.each([
  ["an emoji", reactSchema, { emoji: long }],
  ["a place's name", sendMessageSchema, { to, location: { latitude: 0, longitude: 0, name: `${long}\n` } }],
  ["a contact's name", sendMessageSchema, { to, contact: { name: `${long}\n`, phoneNumber: to } }],
  ["an option", sendMessageSchema, { to, poll: { question: "?", options: ["a", `${long}\n`] } }],
  ["an id of WhatsApp's", sendMessageSchema, { to, quotedId: `true_1@c.us_${long}\n` }],
  ["an id of the caller's", sendMessageSchema, { to, clientMessageId: `${long}\n` }],
  ["a secret", createWebhookSchema, { url: "https://example.com/", secret: `whsec_${long}\n` }],
])("%s of a megabyte is refused for its length, and looked at no further", (_, schema, value) => {
  const began = performance.now();
  const { error } = schema.safeParse(value);
  expect(error?.issues.map(({ code }) => code)).toEqual(["too_big"]);
  expect(performance.now() - began).toBeLessThan(1_000);
});
