import type { CountryCode } from "libphonenumber-js/max";
import { AppError, type MessageContent, type SendMessage } from "@whatsapp-engine/contract/api";
import { toDigits, toRecipient } from "../people/index.ts";

type Input = Pick<
  SendMessage,
  "type" | "message" | "caption" | "location" | "contact" | "contacts" | "poll" | "quotedId" | "mentions"
>;

const CAPTIONED: readonly Input["type"][] = ["image", "document", "video"];

/**
 * What a message says besides its media: its text, or its caption, and the rest as it is kept and handed to the runner.
 * Throws `invalid_phone_number` naming the field.
 */
export function toContent(
  input: Input,
  defaultCountry: CountryCode,
): { text: string | null; content: MessageContent | null } {
  const { type, message, caption, location, poll, quotedId, mentions } = input;
  const content: MessageContent = {
    ...(type === "location" && { location }),
    ...(type === "contact" && { contacts: contactsOf(input, defaultCountry) }),
    ...(type === "poll" && { poll }),
    ...(quotedId !== undefined && { quotedId }),
    ...(mentions && mentions.length > 0 && { mentions: mentions.map(toMention(defaultCountry)) }),
  };
  const text = type === "text" ? message : CAPTIONED.includes(type) ? (caption ?? message) : undefined;
  return { text: text ?? null, content: Object.keys(content).length > 0 ? content : null };
}

function contactsOf({ contact, contacts = [] }: Input, defaultCountry: CountryCode) {
  const all = contact
    ? [{ field: "contact.phoneNumber", contact }]
    : contacts.map((one, index) => ({ field: `contacts.${index}.phoneNumber`, contact: one }));
  return all.map(({ field, contact: { name, phoneNumber } }) => ({
    name,
    phoneNumber: toDigits(phoneNumber, field, defaultCountry),
  }));
}

const toMention = (defaultCountry: CountryCode) => (text: string, index: number) => {
  const field = `mentions.${index}`;
  const recipient = toRecipient(text, field, defaultCountry);
  if (recipient.endsWith("@g.us")) {
    throw new AppError("invalid_phone_number", `${field} is a group.`, {
      details: [{ field, message: "a mention names a person: a phone number, or a chat id (…@c.us, …@lid)" }],
    });
  }
  return recipient.includes("@") ? recipient : `${recipient}@c.us`;
};
