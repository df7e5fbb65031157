/*
 * What WhatsApp Web says when its own code fails. Since autumn 2026 its errors have names and texts of one letter (`r: r`), so
 * each is kept with the place that it came from, and told in a sentence where it is known what it means.
 */

/** Texts that are known, and what they mean; docs/whatsapp-changes.md has the sources. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/must include an id property/i, "its code for files made a message without an id"],
  [
    /no lid for user|lid is missing/i,
    "it does not know the person's id (LID) yet, which it asks WhatsApp for",
  ],
  [/InvalidMediaFileType/i, "the file is not of the kind that its message says"],
  [/rate-overlimit/i, "WhatsApp asks to slow down"],
  [/media not found/i, "WhatsApp has the file no more"],
  [
    /reading '|of undefined|of null|is not a function|unknown module/i,
    "a part of it is not where it was before",
  ],
];

/** `r: r`, `t`: says nothing by itself. */
const isMinified = (text: string): boolean => /^(\w{1,2})(: \w{0,2})?$/.test(text);

const FRAME = /\bat (?:async )?(?:([\w$.]+) \()?https?:\/\/([^\s)]+)/g;
const isNumber = (text: string): boolean => /^\d+$/.test(text);

/** The page's script and place in it, as a stack names them. */
const placeIn = (stack: string): string | null => {
  for (const [, name, address = ""] of stack.matchAll(FRAME)) {
    const [column = "", line = "", path = ""] = address.split(":").toReversed();
    const script = path.slice(path.lastIndexOf("/") + 1);
    if (isNumber(line) && isNumber(column))
      return `${name ? `${name}, ` : ""}${script || "the page"}:${line}:${column}`;
  }
  return null;
};

/**
 * An error of the page as people can read it: its words and where it came from, and what they mean where that is known.
 * `cause`: an error, or its text with the stack in the lines after it.
 */
export const readPageError = (cause: unknown): string => {
  const [text, stack] = textOf(cause);
  const place = placeIn(stack);
  const meaning = meanings.find(([pattern]) => pattern.test(text))?.[1];
  const words = isMinified(text)
    ? `an error without words ("${text}"${place === null ? "" : `, at ${place}`})`
    : `"${text}"${place === null ? "" : ` (at ${place})`}`;
  return meaning === undefined ? words : `${meaning}; it says ${words}`;
};

/** Longest text of a page's error that is told, and how much of its stack is read; its first line has the place. */
const MAX_TEXT = 300;
const MAX_STACK = 2_000;

const textOf = (cause: unknown): [text: string, stack: string] => {
  const whole =
    cause instanceof Error ? `${nameOf(cause)}${cause.message}\n${cause.stack ?? ""}` : String(cause);
  const [text = ""] = whole.split("\n");
  return [text.replace(/^Error: /, "").slice(0, MAX_TEXT), whole.slice(text.length, text.length + MAX_STACK)];
};
const nameOf = ({ name, message }: Error): string =>
  name === "Error" || name === "" || message.startsWith(`${name}:`) ? "" : `${name}: `;
