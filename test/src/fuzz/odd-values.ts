import type { Random } from "../chaos/random.ts";

/** Attributes of the page's message that come from its sender. */
const ATTRIBUTES = [
  "type", "body", "caption", "filename", "mimetype", "size", "t", "ack", "from", "author", "notifyName", "directPath", "filehash",
  "encFilehash", "mediaKey", "mediaKeyTimestamp", "quotedMsg", "quotedStanzaID", "quotedParticipant", "mentionedJidList",
  "groupMentions", "lat", "lng", "loc", "pollName", "pollOptions", "vcardList", "vcardFormattedName", "isVideoCall", "isGif",
  "isViewOnce", "isForwarded", "latestEditMsgKey", "latestEditSenderTimestampMs", "revokeTimestamp", "protocolMessageKey",
] as const; // prettier-ignore
const TYPES = [
  "chat",
  "image",
  "document",
  "ptt",
  "location",
  "vcard",
  "multi_vcard",
  "poll_creation",
  "revoked",
  "call_log",
];

const HALVES = ["\ud83d", "\ude00", "a\udc00b"];
/** Characters of which some step on the way makes more than one, or which mean something to it. */
const LETTERS = [
  "a",
  "\0",
  "\n",
  "\r\n",
  '"',
  "\\",
  "/",
  ";",
  "%",
  "_",
  "@",
  "é",
  "漢",
  "😀",
  "\u202e",
  "\u200d",
  "<b>",
  "{}",
  "'",
];
const NUMBERS = [
  0,
  -1,
  0.5,
  1e21,
  1e300,
  -1e300,
  2 ** 31,
  2 ** 53,
  Date.now(),
  Math.floor(Date.now() / 1000),
];
const LENGTHS = [1, 91, 256, 5_000, 100_000, 400_000];

/** A text of few letters, many times over: what a pattern that goes back does worst with. */
export function oddText(random: Random): string {
  const unit = Array.from({ length: random.between(1, 3) }, () => random.pick(LETTERS)).join("");
  const long = unit.repeat(Math.ceil(random.pick(LENGTHS) / unit.length));
  return random.between(0, 3) === 0 ? `${long}${random.pick(HALVES)}` : long;
}

/** A value of any type; null stands for one that is missing. */
export function oddValue(random: Random, depth = 0): unknown {
  switch (random.between(0, depth < 3 ? 7 : 5)) {
    case 0:
    case 1:
    case 2:
      return oddText(random);
    case 3:
      return random.pick(NUMBERS);
    case 4:
      return random.pick([null, true, false, ""]);
    case 5:
      return random.pick(TYPES);
    case 6:
      return Array.from({ length: random.between(0, 3) }, () => oddValue(random, depth + 1));
    default:
      return { _serialized: oddValue(random, depth + 1), vcard: oddValue(random, depth + 1) };
  }
}

/** Some attributes of a message, with other values than they should have. */
export function oddAttributes(random: Random): Record<string, unknown> {
  const count = random.pick([1, 1, 2, 5, ATTRIBUTES.length]);
  const names = Array.from({ length: count }, () => random.pick(ATTRIBUTES));
  return Object.fromEntries(names.map((name) => [name, oddValue(random)]));
}
