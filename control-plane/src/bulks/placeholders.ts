import { MAX_FIELD_NAME_LENGTH } from "@whatsapp-engine/contract";

/** `{{name}}`, or `{{name|what stands there without one}}`. */
const PLACEHOLDER = new RegExp(
  String.raw`\{\{([^{}|\r\n]{1,${MAX_FIELD_NAME_LENGTH}})(?:\|([^{}\r\n]*))?\}\}`,
  "g",
);

/** Fields are found whatever their case: a spreadsheet's `Name` is `{{name}}`. */
export const fieldKey = (name: string): string => name.trim().normalize("NFC").toLowerCase();

/** What placeholders stand for, by `fieldKey`. */
export type Fields = ReadonlyMap<string, string>;

/** The fields that a text names, by `fieldKey`. */
export const fieldsNamedIn = (text: string): string[] =>
  [...text.matchAll(PLACEHOLDER)].map(([, name = ""]) => fieldKey(name)).filter((name) => name !== "");

/**
 * The text with each placeholder's field in its place; `missing`: the placeholders, as written, that have neither a field nor something
 * that stands there without one. An empty field is none. What a field holds is not looked through again.
 */
export function fill(text: string, fields: Fields): { text: string; missing: string[] } {
  const missing = new Set<string>();
  const filled = text.replaceAll(PLACEHOLDER, (whole, name: string, otherwise: string | undefined) => {
    if (fieldKey(name) === "") return whole;
    const value = fields.get(fieldKey(name))?.trim();
    if (value) return value;
    if (otherwise === undefined) missing.add(whole);
    return otherwise ?? whole;
  });
  return { text: filled, missing: [...missing] };
}
