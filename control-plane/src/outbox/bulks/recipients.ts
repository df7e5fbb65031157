import type { CountryCode } from "libphonenumber-js/max";
import {
  AppError,
  bulkRecipientSchema,
  checkKind,
  MAX_TEXT_LENGTH,
  problemsOf,
  type BulkRecipient,
  type ErrorDetail,
  type SendBulk,
} from "@whatsapp-engine/contract/api";
import { type People, toRecipient } from "../../people/index.ts";
import { createTurns } from "../../lib/turns.ts";
import { readTable } from "./csv.ts";
import { fieldKey, fieldsNamedIn, fill, MAX_PLACEHOLDERS } from "./placeholders.ts";

/** A recipient of a bulk, looked through: one with `problems` must not be written to. */
export type CheckedRecipient = {
  /** Its place among the recipients, from 0. */
  index: number;
  /** Its row in the spreadsheet; null: it came in none. */
  row: number | null;
  /** As it was given. */
  to: string | null;
  /** Digits, or a chat id. */
  recipient: string | null;
  /** Its text or caption, placeholders filled in. */
  body: string | null;
  clientMessageId: string | null;
  problems: ErrorDetail[];
};

/** What a recipient gives, and by what name its fields are called to who wrote them. */
type Given = { value: unknown; row: number | null; extra: number; nameOf: (field: string) => string };

/** Longest part of a recipient that is told back. */
const MAX_TOLD = 64;
/** What is told of one recipient; more of it mends nothing that this does not. */
const MAX_PROBLEMS = 20;
const MAX_FIELDS = 500;
/** Characters of all texts of a bulk, placeholders filled in: they are kept in memory until they are on disk. */
const MAX_TEXTS_LENGTH = 16_000_000;

/**
 * Looks all recipients through, and tells all that is wrong with each. Throws `invalid_request` where there is no table to look through.
 * `isUsed`: whether a message with this id of the caller's is there already.
 */
export async function checkRecipients(
  input: SendBulk,
  shared: string | null,
  deps: {
    people: Pick<People, "formsOf">;
    defaultCountry: CountryCode;
    isUsed: (clientMessageId: string) => boolean;
  },
): Promise<CheckedRecipient[]> {
  const seen = new Map<string, Given & { index: number }>();
  const ids = new Set<string>();
  const namedIn = new Map<string, ReadonlySet<string> | null>();
  let textsLength = 0;
  const checked: CheckedRecipient[] = [];
  const giveWay = createTurns();
  for (const [index, given] of (await givenIn(input)).entries()) {
    await giveWay();
    checked.push(checkOne(given, index));
  }
  return checked;

  function checkOne(given: Given, index: number): CheckedRecipient {
    const problems: ErrorDetail[] = [];
    const miss = (field: string, message: string) => {
      if (problems.length === MAX_PROBLEMS) return;
      const name = given.nameOf(field);
      const where = given.row === null ? "" : `row ${given.row}${name === "" ? "" : `, ${name}`}: `;
      problems.push({
        field: ["recipients", index, ...(field === "" ? [] : [field])].join("."),
        message: where + message,
      });
    };
    const own = read(given, miss);
    const to = own === undefined ? toldBack(given.value) : String(own.to);
    const result = {
      index,
      row: given.row,
      to,
      recipient: null,
      body: null,
      clientMessageId: null,
      problems,
    };
    if (own === undefined) return result;
    if (given.extra > 0)
      miss(
        "",
        `has ${given.extra} cells more than the first row names; quote those with a comma or semicolon`,
      );
    return {
      ...result,
      recipient: personOf(own.to, given, index, miss),
      body: bodyOf(own, miss),
      clientMessageId: idOf(own, miss),
    };
  }

  function personOf(to: string, given: Given, index: number, miss: Miss): string | null {
    // What is only a text has no fields.
    const field = typeof given.value === "string" || typeof given.value === "number" ? "" : "to";
    try {
      const recipient = toRecipient(to, "to", deps.defaultCountry);
      const before = seen.get(recipient);
      if (before)
        miss(
          field,
          `is the same recipient as ${before.row === null ? `recipients.${before.index}` : `row ${before.row}`}`,
        );
      else for (const form of deps.people.formsOf(recipient)) seen.set(form, { ...given, index });
      return recipient;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      miss(field, error.details[0]?.message ?? error.message);
      return null;
    }
  }

  function bodyOf(own: BulkRecipient, miss: Miss): string | null {
    // Whether a text is needed is told below: it may be the one for all.
    const message = input.type === "text" ? "text" : own.message;
    for (const wrong of checkKind(input.type, { message, caption: own.caption }))
      if (wrong.field === "message" || wrong.field === "caption") miss(wrong.field, wrong.message);
    const field = own.caption === undefined ? "message" : "caption";
    const body = (input.type === "text" ? own.message : (own.caption ?? own.message)) ?? shared;
    if (body === null || body.trim() === "") {
      if (input.type === "text") miss("message", "a text message needs a text, here or for all");
      return null;
    }
    if (input.placeholders === false) return body;
    const named = namesIn(body);
    if (named === null) {
      miss(field, `has more than ${MAX_PLACEHOLDERS} placeholders`);
      return null;
    }
    const { fields, unnamed } = fieldsOf(own, named);
    for (const name of unnamed)
      miss(name, `is not known, and no placeholder of the text names it; what is only kept goes into fields`);
    const { text, missing } = fill(body, fields, MAX_TEXT_LENGTH);
    for (const placeholder of missing)
      miss(
        placeholder.slice(2, -2).trim(),
        `is missing, and the text has ${placeholder}; give it, write ${placeholder.slice(0, -2)}|…}} for those without, or set placeholders to false`,
      );
    if (text === null)
      miss(field, `is longer than ${MAX_TEXT_LENGTH} characters with its placeholders filled in`);
    else if (named.size > 0 && (textsLength += text.length) > MAX_TEXTS_LENGTH) {
      miss(
        field,
        `makes the texts of this bulk too long together (${MAX_TEXTS_LENGTH} characters); send several`,
      );
      return null;
    }
    return text;
  }

  /** The fields that a text names; null: too many. The text for all is looked through once. */
  function namesIn(body: string): ReadonlySet<string> | null {
    const known = namedIn.get(body);
    if (known !== undefined) return known;
    const names = fieldsNamedIn(body);
    const found = names.length > MAX_PLACEHOLDERS ? null : new Set(names);
    if (body === shared) namedIn.set(body, found);
    return found;
  }

  function idOf({ clientMessageId }: BulkRecipient, miss: Miss): string | null {
    if (clientMessageId === undefined) return null;
    if (ids.has(clientMessageId)) miss("clientMessageId", "is used twice in this bulk");
    else if (deps.isUsed(clientMessageId))
      miss("clientMessageId", "was used before; each message needs its own");
    ids.add(clientMessageId);
    return clientMessageId;
  }
}

type Miss = (field: string, message: string) => void;

async function givenIn({ recipients, csv, toColumn }: SendBulk): Promise<Given[]> {
  if (csv === undefined)
    return (recipients ?? []).map((value) => ({ value, row: null, extra: 0, nameOf: (field) => field }));
  const table = await readTable(csv, toColumn);
  const nameOf = (field: string) => (field === "to" ? table.toColumn : field);
  return table.rows.map(({ row, fields, extra }) => {
    const { [table.toColumn]: to = "", ...beside } = fields;
    const { message, caption, clientMessageId, ...others } = beside;
    const given = { to, message, caption, clientMessageId };
    return { value: { ...given, fields: others }, row, extra, nameOf };
  });
}

/** What is not as it must be is told, and left out; undefined: that is so of `to`. */
function read({ value }: Given, miss: Miss): BulkRecipient | undefined {
  // Most are a number alone, of which there is nothing more to say here.
  if (typeof value === "string" && value !== "" && value.length <= MAX_TOLD) return { to: value };
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (isObject && hasTooManyFields(value)) {
    miss("", `has more than ${MAX_FIELDS} fields`);
    return undefined;
  }
  const given = isObject ? withoutNulls(value) : { to: value };
  const { data, error } = bulkRecipientSchema.safeParse(given);
  if (data) return data;
  for (const { field, message } of problemsOf(error)) miss(isObject ? field : "", message);
  const wrong = new Set(error.issues.map(({ path }) => path[0]));
  return bulkRecipientSchema.safeParse(
    Object.fromEntries(Object.entries(given).filter(([name]) => !wrong.has(name))),
  ).data;
}

function hasTooManyFields(value: object): boolean {
  const { fields } = value as { fields?: unknown };
  const inside = typeof fields === "object" && fields !== null ? Object.keys(fields).length : 0;
  return Object.keys(value).length + inside > MAX_FIELDS;
}

/** What is null or an empty text counts as absent, as everywhere. */
const withoutNulls = (value: object) =>
  Object.fromEntries(
    Object.entries(value).filter(([name, field]) => field !== null && (field !== "" || name === "to")),
  );

const KNOWN = new Set(["to", "message", "caption", "clientMessageId", "fields"]);

/** The fields of a recipient; `unnamed`: those beside the known ones that the text does not name. */
function fieldsOf(own: BulkRecipient, named: ReadonlySet<string>) {
  const beside = Object.entries(own).filter(([name]) => !KNOWN.has(name));
  const given = [...Object.entries(own.fields ?? {}), ...beside].filter(([, value]) => value !== null);
  return {
    fields: new Map(given.map(([name, value]) => [fieldKey(name), String(value)])),
    unnamed: beside.map(([name]) => name).filter((name) => !named.has(fieldKey(name))),
  };
}

function toldBack(value: unknown): string | null {
  const to: unknown = typeof value === "object" && value !== null ? (value as { to?: unknown }).to : value;
  return typeof to === "string" || typeof to === "number" ? String(to).slice(0, MAX_TOLD) : null;
}
