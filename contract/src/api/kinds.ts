import { z } from "zod";

/**
 * Kinds of message that can be sent. `voice`: a voice note, shown with its waveform, where `audio` is a file;
 * `sticker`: a picture that is WebP already.
 */
export const messageTypes = [
  "text",
  "image",
  "document",
  "audio",
  "voice",
  "video",
  "sticker",
  "location",
  "contact",
  "poll",
] as const;
export const messageTypeSchema = z.enum(messageTypes);
export type MessageType = z.infer<typeof messageTypeSchema>;

const parts = ["message", "media", "caption", "location", "contact", "contacts", "poll"] as const;
type Part = (typeof parts)[number];
export type MessageParts = Partial<Record<Part, unknown>>;

/** What a kind is made of: one of `needs` must be there, `takes` may be, every other part is a mistake. */
const kinds: Record<MessageType, { needs: readonly Part[]; takes?: readonly Part[] }> = {
  text: { needs: ["message"] },
  image: { needs: ["media"], takes: ["caption", "message"] },
  document: { needs: ["media"], takes: ["caption", "message"] },
  video: { needs: ["media"], takes: ["caption", "message"] },
  audio: { needs: ["media"] },
  voice: { needs: ["media"] },
  sticker: { needs: ["media"] },
  location: { needs: ["location"] },
  contact: { needs: ["contact", "contacts"] },
  poll: { needs: ["poll"] },
};

/** The type that takes this part, for who gave the part and forgot the type. */
const hint: Partial<Record<Part, string>> = {
  media: "set type to image, document, audio, voice, video or sticker",
  location: "set type to location",
  contact: "set type to contact",
  contacts: "set type to contact",
  poll: "set type to poll",
};

const isGiven = (value: unknown) => (typeof value === "string" ? value.trim() !== "" : value !== undefined);

/** What is wrong with the parts of a message of this kind, a line a field; nothing if all fit. */
export function checkKind(type: MessageType, given: MessageParts): { field: Part; message: string }[] {
  const { needs, takes = [] } = kinds[type];
  const there = parts.filter((part) => isGiven(given[part]));
  const needed = there.filter((part) => needs.includes(part));
  const wrong = there
    .filter((part) => !needs.includes(part) && !takes.includes(part))
    .map((field) => {
      const advice = hint[field];
      const message = `a message of type ${type} takes no ${field}${advice ? `; ${advice}` : ""}`;
      return { field, message };
    });
  const [first = "message", second] = needs;
  if (needed.length === 0) wrong.push({ field: first, message: `a message of type ${type} needs ${first}` });
  if (there.includes("caption") && there.includes("message") && takes.includes("caption"))
    wrong.push({ field: "caption", message: "give either caption or message, not both" });
  if (needed.length > 1) wrong.push({ field: first, message: `give either ${first} or ${second}, not both` });
  return wrong;
}
