import { createHash, randomBytes } from "node:crypto";
import type { ActionResult, SendCommand } from "@whatsapp-engine/contract/runner";
import { expect } from "vitest";
import type { RunnerUnderTest } from "./run-runner.ts";

export const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
export const file = (mimetype: string, filename: string) => ({
  bytes: randomBytes(3_000),
  mimetype,
  filename,
});
export const media = {
  image: file("image/webp", "a.webp"),
  document: file("application/zip", "a.zip"),
  audio: file("audio/mpeg", "a.mp3"),
  voice: file("audio/ogg", "a.ogg"),
  video: file("video/mp4", "a.mp4"),
  sticker: file("image/webp", "s.webp"),
};
export const place = { latitude: -6.1754, longitude: 106.8272, name: "Monas", address: "Jakarta" };
export const poll = { question: "Lunch?", options: ["Soto", "Gado-gado"], multiple: false };
export const ani = { name: "Ani, S.H.", phoneNumber: "6281200000005" };
export const budi = { name: "Budi", phoneNumber: "6281200000006" };

export type Kind = Partial<SendCommand> & Pick<SendCommand, "type">;
/** Every kind of message that can be sent, and what WhatsApp's server then has. */
export const kinds: [Kind, sent: object][] = [
  [
    { type: "image", media: media.image, text: "look" },
    { type: "image", caption: "look" },
  ],
  [
    { type: "document", media: media.document },
    { type: "document", filename: "a.zip" },
  ],
  [
    { type: "audio", media: media.audio },
    { type: "audio", mimetype: "audio/mpeg" },
  ],
  [
    { type: "voice", media: media.voice },
    { type: "ptt", mimetype: "audio/ogg; codecs=opus" },
  ],
  [
    { type: "video", media: media.video, text: "watch" },
    { type: "video", caption: "watch" },
  ],
  [
    { type: "sticker", media: media.sticker },
    { type: "sticker", caption: null },
  ],
  [
    { type: "location", content: { location: place } },
    { type: "location", location: place },
  ],
  [
    { type: "location", content: { location: { latitude: 0, longitude: 0 } } },
    { type: "location", location: { latitude: 0, longitude: 0, name: null, address: null } },
  ],
  [
    { type: "contact", content: { contacts: [ani] } },
    {
      type: "vcard",
      vcards: [expect.stringMatching(/\nFN:Ani\\, S\.H\.\nTEL.*waid=6281200000005:\+6281200000005\n/)],
    },
  ],
  [
    { type: "contact", content: { contacts: [ani, budi] } },
    { type: "multi_vcard", vcards: [expect.stringContaining("Ani"), expect.stringContaining("FN:Budi\n")] },
  ],
  [
    { type: "poll", content: { poll } },
    { type: "poll_creation", poll },
  ],
  [{ type: "poll", content: { poll: { ...poll, multiple: true } } }, { poll: { ...poll, multiple: true } }],
];

/** Does something to a message. */
export const act = async (runner: RunnerUnderTest, whatsappId: string, what: string, body?: object) => {
  const answer = await runner.post(`/messages/${encodeURIComponent(whatsappId)}/${what}`, body);
  expect(answer.status).toBe(200);
  return (await answer.json()) as ActionResult;
};
