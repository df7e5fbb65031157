import { MAX_FIELD_NAME_LENGTH } from "@whatsapp-engine/contract/api";

/** `{{name}}`, or `{{name|what stands there without one}}`. */
const PLACEHOLDER = new RegExp(
  String.raw`\{\{([^{}|\r\n]{1,${MAX_FIELD_NAME_LENGTH}})(?:\|([^{}\r\n]*))?\}\}`,
  "g",
);

/**
 * Fields are found whatever their case: a spreadsheet's `Name` is `{{name}}`. One that is too long to be named stays as it is, as
 * `normalize` may take much longer than such a text is long.
 */
export function fieldKey(name: string): string {
  const bare = name.trim();
  return bare.length > MAX_FIELD_NAME_LENGTH ? bare : bare.normalize("NFC").toLowerCase();
}

/** What placeholders stand for, by `fieldKey`. */
export type Fields = ReadonlyMap<string, string>;

/** Placeholders of one text, so that filling it takes no longer than reading it. */
export const MAX_PLACEHOLDERS = 200;

/** The fields that a text names, by `fieldKey`, as often as it does. */
export const fieldsNamedIn = (text: string): string[] =>
  [...text.matchAll(PLACEHOLDER)].map(([, name = ""]) => fieldKey(name)).filter((name) => name !== "");

/**
 * The text with each placeholder's field in its place; null: that would be longer than `maxLength`. `missing`: the placeholders, as
 * written, that have neither a field nor something that stands there without one. An empty field is none. What a field holds is not
 * looked through again.
 */
export function fill(
  text: string,
  fields: Fields,
  maxLength: number,
): { text: string | null; missing: string[] } {
  const missing = new Set<string>();
  const parts: string[] = [];
  let from = 0;
  let length = 0;
  const add = (part: string) => {
    length += part.length;
    // What is too long is not built.
    if (length <= maxLength) parts.push(part);
  };
  for (const { 0: whole, 1: name = "", 2: otherwise, index } of text.matchAll(PLACEHOLDER)) {
    add(text.slice(from, index));
    const value = fields.get(fieldKey(name))?.trim();
    const isMissing = !value && otherwise === undefined && fieldKey(name) !== "";
    if (isMissing) missing.add(whole);
    add(value || (otherwise ?? whole));
    from = index + whole.length;
  }
  add(text.slice(from));
  return { text: length > maxLength ? null : parts.join(""), missing: [...missing] };
}
