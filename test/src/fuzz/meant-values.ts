import { messageTypes } from "@whatsapp-engine/contract/api";
import type { Random } from "../chaos/random.ts";
import { PASSPHRASE } from "../support/backup.ts";
import { makeFile, makePdf, makePng } from "../support/media.ts";
import type { Known } from "./known.ts";
import type { Sessions } from "./requests.ts";
import type { Meant } from "./valid-values.ts";

/** Where the requests go, and where what they name is. */
export type Places = {
  apiKey: string;
  /** Of this machine alone. */
  webhookUrls: readonly string[];
  mediaUrls: readonly string[];
  people: readonly string[];
  /** What `POST …/backup` returned. */
  backups: readonly Buffer[];
  /** They are put on and taken from the suppression list. */
  suppressed: readonly string[];
};

const KEYS = Array.from({ length: 40 }, (_, at) => `key-${at}`);
const TIMES = ["2000-01-01T00:00:00Z", "2099-12-31T23:59:59+14:00", "2096-02-29T00:00:00.123456789Z"];
const FILES = [
  makePng(1),
  makePdf("a file"),
  makeFile("mp3"),
  makeFile("mp4"),
  makeFile("webp"),
  Buffer.alloc(0),
  Buffer.alloc(300_000),
];

/** A number in one of the forms in which people write it. */
const written = (digits: string, random: Random): unknown =>
  random.pick([
    digits,
    digits,
    digits,
    `+${digits}`,
    `0${digits.slice(2)}`,
    `${digits}@c.us`,
    Number(digits),
  ]);

/** What names mean: ids that there are, numbers of people, addresses on this machine. */
export function meantValues(known: Known, sessions: Sessions, places: Places): Meant {
  const person = (random: Random) => written(random.pick(places.people), random);
  const id = (name: string) => (random: Random) => known.pick(random, [name])?.[name];
  const key = (random: Random) => (random.between(0, 2) === 0 ? random.pick(KEYS) : `new-${random.next()}`);
  const soon = (random: Random) =>
    random.between(0, 1) === 0
      ? random.pick(TIMES)
      : new Date(Date.now() + random.between(-1, 5) * 10_000).toISOString();
  const base64 = (random: Random) => random.pick(FILES).toString("base64");

  /** A message as callers send it, of any kind. */
  function message(random: Random): Record<string, unknown> {
    const to = person(random);
    const text = `a text ${random.next()}`;
    switch (random.pick(["text", "text", "text", ...messageTypes])) {
      case "text":
        return {
          to,
          message: text,
          ...(random.between(0, 3) === 0 && { async: true, clientMessageId: key(random) }),
        };
      case "location":
        return { to, type: "location", location: { latitude: -6.2, longitude: 106.8, name: text } };
      case "contact":
        return { to, type: "contact", contact: { name: text, phoneNumber: person(random) } };
      case "poll":
        return { to, type: "poll", poll: { question: text, options: ["a", "b"] } };
      case "document":
        return { to, type: "document", media: { url: random.pick(places.mediaUrls) }, caption: text };
      default:
        return {
          to,
          type: random.pick(messageTypes.slice(1, 7)),
          media: { base64: base64(random), filename: "a.png" },
        };
    }
  }

  const bulk = (random: Random) => ({
    message: random.pick(["a text", "a text for {{name}}"]),
    recipients: Array.from({ length: random.pick([1, 2, 5]) }, () =>
      random.pick([
        person(random),
        { to: person(random), name: "Budi" },
        { to: person(random), name: "x", clientMessageId: key(random) },
      ]),
    ),
    ...(random.between(0, 3) === 0 && { dryRun: true }),
    ...(random.between(0, 2) === 0 && { clientBulkId: key(random) }),
    ...(random.between(0, 2) === 0 && { onInvalid: "skip" }),
  });

  const meant: Record<string, (random: Random) => unknown> = {
    sessionId: (random) => random.pick([...sessions.linked, ...sessions.spare]),
    messageId: id("messageId"),
    bulkId: id("bulkId"),
    webhookId: id("webhookId"),
    deliveryId: id("deliveryId"),
    cursor: id("nextCursor"),
    after: id("position"),
    quotedId: id("whatsappId"),
    to: person,
    number: person,
    phoneNumber: person,
    mentions: (random) => [person(random)],
    recipient: (random) => written(random.pick(places.suppressed), random),
    clientMessageId: key,
    clientBulkId: key,
    "idempotency-key": key,
    scheduledAt: soon,
    expiresAt: soon,
    passphrase: () => PASSPHRASE,
    base64,
    file: (random) => random.pick([...FILES, ...places.backups]),
    mimetype: (random) => random.pick(["image/png", "application/pdf", "audio/mpeg", "x"]),
    csv: (random) => `phone,name\n${random.pick(places.people)},Budi\n${random.pick(places.people)},"Ani\n\n`,
    emoji: (random) => random.pick(["👍", "", "👨‍👩‍👧"]),
    prefer: () => "respond-async",
    wait: (random) => random.pick([0, 0.5, 2]),
    types: () => "message.status,message.received",
    fresh: () => "true",
    url: (random) => random.pick([...places.webhookUrls, ...places.mediaUrls]),
    "POST /webhooks": (random) => ({ url: random.pick(places.webhookUrls) }),
    whatsappVersionPin: () => null,
    "POST /sessions/{sessionId}/messages/bulk": bulk,
    "POST /sessions/{sessionId}/restore": (random) => ({
      passphrase: PASSPHRASE,
      file: random.pick([...places.backups, ...places.backups, random.pick(FILES)]),
    }),
    "POST /sessions/{sessionId}/send": message,
    "POST /sessions/{sessionId}/send-simple": message,
    "POST /sessions/{sessionId}/send-media": message,
  };
  return (name, random) => meant[name]?.(random);
}
