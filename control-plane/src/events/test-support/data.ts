import type { EventData } from "@whatsapp-engine/contract/api";

/** What is told of a text from a friend. */
export const aReceivedMessage: EventData<"message.received"> = {
  whatsappId: "false_6281200000001@c.us_3EB0",
  chatId: "6281200000001@c.us",
  from: "6281200000001@c.us",
  author: null,
  phoneNumber: "6281200000001",
  timestamp: "2026-11-30T00:00:00.000Z",
  type: "text",
  pushName: null,
  isGroup: false,
  body: "Halo",
  hasMedia: false,
  mimetype: null,
  filename: null,
  quotedId: null,
  location: null,
};

/** What is told of a text to that friend that WhatsApp took. */
export const aSentMessage: EventData<"message.status"> = {
  messageId: "m",
  clientMessageId: null,
  bulkId: null,
  to: "6281200000001",
  type: "text",
  status: "sent",
  waitsFor: null,
  whatsappId: "true_6281200000001@c.us_3EB0",
  error: null,
  timestamp: "2026-11-30T00:00:00.000Z",
};
