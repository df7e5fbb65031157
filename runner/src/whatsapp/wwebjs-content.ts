import type { MessageContent } from "@whatsapp-engine/contract/api";
import wwebjs from "whatsapp-web.js";
import { NotSendable, type OutgoingMessage } from "./client.ts";

const { Location, MessageMedia, Poll } = wwebjs;

type Contact = NonNullable<MessageContent["contacts"]>[number];

/** WhatsApp's own type of a voice note; with another one phones show it as a file. */
const VOICE_TYPE = "audio/ogg; codecs=opus";

/** What the library is called with for each kind of message; `fileName`: what the page holds the media under. */
export const toLibrary = (
  message: OutgoingMessage,
  fileName: string,
): { body: wwebjs.MessageContent; options: wwebjs.MessageSendOptions } => {
  const { ref, type, text, content, media } = message;
  const contacts = contactCards(content?.contacts ?? []);
  return {
    body: bodyOf(message, fileName),
    options: {
      // What stands here becomes part of the page's message, over what the library makes of the rest.
      extra: { engineRef: ref, ...contacts },
      sendSeen: false,
      linkPreview: false,
      parseVCards: false,
      ignoreQuoteErrors: false,
      sendMediaAsDocument: type === "document",
      sendMediaAsSticker: type === "sticker",
      sendAudioAsVoice: type === "voice",
      ...(media !== null && text !== null && { caption: text }),
      ...(content?.mentions && { mentions: content.mentions }),
    },
  };
};

const bodyOf = ({ type, text, content, media }: OutgoingMessage, fileName: string): wwebjs.MessageContent => {
  if (media !== null) {
    const mimetype = type === "voice" ? VOICE_TYPE : media.mimetype;
    return new MessageMedia(mimetype, fileName, media.filename ?? "file");
  }
  if (content?.location) {
    const { latitude, longitude, name, address } = content.location;
    return new Location(latitude, longitude, { ...(name && { name }), ...(address && { address }) });
  }
  if (content?.poll) {
    const { question, options, multiple } = content.poll;
    return new Poll(question, options, { allowMultipleAnswers: multiple, messageSecret: undefined });
  }
  if (text === null && !content?.contacts) {
    throw new NotSendable(`A message of type ${type} came without what it is made of; nothing was sent.`);
  }
  return text ?? "";
};

/**
 * The fields of a message with contacts. The library takes only contacts of the account's own address book for several,
 * and a vCard that it cannot read it would send as a text.
 */
const contactCards = (contacts: readonly Contact[]) => {
  const [first] = contacts;
  if (first === undefined) return {};
  if (contacts.length === 1) return { type: "vcard", body: toVCard(first), vcardFormattedName: first.name };
  const vcardList = contacts.map((contact) => ({
    displayName: contact.name,
    vcard: toVCard(contact),
    isMultiVcard: false,
  }));
  return { type: "multi_vcard", body: null, vcardList };
};

/** `waid` makes of the number a contact that can be written to. */
const toVCard = ({ name, phoneNumber }: Contact): string => {
  const escaped = name.replace(/[\\,;]/g, String.raw`\$&`);
  return [
    "BEGIN:VCARD",
    "VERSION:3.0",
    `N:;${escaped};;;`,
    `FN:${escaped}`,
    `TEL;type=CELL;type=VOICE;waid=${phoneNumber}:+${phoneNumber}`,
    "END:VCARD",
  ].join("\n");
};
