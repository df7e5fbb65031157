/** Deepest of what a call takes: a recipient's field within a bulk stands four levels deep. */
const MAX_DEPTH = 20;
/** Of one list or object. The largest that is taken has 1,024; of what is near that its own schema speaks. */
const MAX_ENTRIES = 2_000;
/** Of all lists and objects together: a bulk's 1,000 recipients with 200 fields each. Parsing so many takes about 150 ms. */
const MAX_VALUES = 200_000;

/**
 * Why a text of JSON holds more than any call takes; null: it does not. Looked at before it is parsed, since what parsing and checking
 * cost grows with the number of values more than with the length. Whether it is JSON is not looked at.
 */
export function whyTooMuch(json: string): string | null {
  /** Entries of each list and object that is open. */
  const open: number[] = [];
  let values = 0;
  let texts = 0;
  for (let at = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    if (unit < QUOTE) continue;
    switch (unit) {
      case QUOTE:
        // A field's name, and its value.
        if (++texts > 2 * MAX_VALUES) return TOO_MANY;
        at = endOfText(json, at);
        break;
      case BRACKET:
      case BRACE:
        if (open.push(1) > MAX_DEPTH) return `is nested more than ${MAX_DEPTH} levels deep`;
        break;
      case END_BRACKET:
      case END_BRACE:
        open.pop();
        break;
      case COMMA:
        if (++open[open.length - 1]! > MAX_ENTRIES)
          return `holds a list or an object of more than ${MAX_ENTRIES} entries`;
        if (++values > MAX_VALUES) return TOO_MANY;
    }
  }
  return null;
}

const TOO_MANY = `holds more than ${MAX_VALUES} values`;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const END_BRACKET = 0x5d;
const BRACE = 0x7b;
const END_BRACE = 0x7d;

/** Where the text that begins here ends. */
function endOfText(json: string, begin: number): number {
  // What holds no backslash before its end, as a file's bytes in base64, is found faster so.
  const first = json.indexOf('"', begin + 1);
  if (first === -1) return json.length;
  if (json.charCodeAt(first - 1) !== BACKSLASH) return first;
  let at = begin + 1;
  while (at < json.length && json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}
