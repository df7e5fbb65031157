import { finished } from "node:stream/promises";
import { CsvError, parse } from "csv-parse";
import { AppError, MAX_BULK_RECIPIENTS, MAX_FIELD_NAME_LENGTH } from "@whatsapp-engine/contract/api";
import { createTurns } from "../../lib/turns.ts";
import { fieldKey } from "./placeholders.ts";

/** A row of the table: `row` as the spreadsheet numbers it, `fields` its cells by the columns' names; `extra`: cells beyond those. */
type TableRow = { row: number; fields: Record<string, string>; extra: number };
export type Table = { toColumn: string; rows: TableRow[] };

const MAX_COLUMNS = 500;
/** Rows that are read, with those that are empty. */
const MAX_READ = 50_000;
const DELIMITERS = [",", ";", "\t"];

/** What columns with phone numbers are called, letters and digits only, in languages that callers have. */
const NUMBER_COLUMNS = new Set([
  "to",
  "phone",
  "phoneno",
  "phonenumber",
  "number",
  "mobile",
  "mobileno",
  "mobilenumber",
  "mobilephone",
  "tel",
  "telephone",
  "telephonenumber",
  "msisdn",
  "recipient",
  "whatsapp",
  "whatsappnumber",
  "wa",
  "nowa",
  "nomor",
  "nomorhp",
  "nomorwa",
  "nomorwhatsapp",
  "nomortelepon",
  "nohp",
  "nowhatsapp",
  "notelp",
  "notelepon",
  "hp",
  "handphone",
  "telp",
  "telepon",
  "ponsel",
  "telefono",
  "celular",
  "movil",
  "telefone",
  "numero",
]);
const plain = (name: string) =>
  name
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "");

/**
 * A table as a spreadsheet saves it as CSV: `,`, `;` or tab between the cells, quotes around those that need them, a byte order mark, a
 * line `sep=;`. Its first row names the columns. Rejects with `invalid_request`.
 */
export async function readTable(text: string, toColumn: string | undefined): Promise<Table> {
  if (text.startsWith("PK\u0003\u0004"))
    throw invalid("is a workbook of a spreadsheet; save it as CSV (UTF-8)");
  const [head = "", given] = /^\u{FEFF}?(?:sep=(.)\r?\n)?/u.exec(text) ?? [];
  const body = text.slice(head.length);
  const records = await parseRecords(body, given ?? delimiterOf(body));
  if (records.length > MAX_READ) throw invalid(`has more than ${MAX_READ} rows, empty ones counted`);
  const [header = [], ...rows] = records;
  const columns = namesOf(header.map((cell) => cell.trim()));
  const to = numberColumn(columns, toColumn);
  const filled = rows
    .map((cells, index) => ({ cells: cells.map((cell) => cell.trim()), row: index + 2 }))
    .filter(({ cells }) => cells.some((cell) => cell !== ""));
  if (filled.length === 0) throw invalid("has no rows below the names of its columns");
  if (filled.length > MAX_BULK_RECIPIENTS)
    throw invalid(`has more than ${MAX_BULK_RECIPIENTS} rows; send it in several bulks`);
  return {
    toColumn: to,
    rows: filled.map(({ cells, row }) => ({
      row,
      fields: Object.fromEntries(
        columns.flatMap((name, at) => (name === "" || !cells[at] ? [] : [[name, cells[at]]])),
      ) as Record<string, string>,
      extra: cells.slice(columns.length).filter((cell) => cell !== "").length,
    })),
  };
}

/** Bytes that are parsed at a time, which takes a few milliseconds. */
const SLICE_BYTES = 4_096;

async function parseRecords(text: string, delimiter: string): Promise<string[][]> {
  const parser = parse({
    delimiter,
    relax_column_count: true,
    relax_quotes: true,
    // Empty rows keep their place, as the spreadsheet numbers them.
    to: MAX_READ + 1,
  });
  const records: string[][] = [];
  parser.on("data", (record: string[]) => records.push(record));
  const ended = finished(parser);
  ended.catch(() => undefined); // awaited below
  const bytes = Buffer.from(text);
  const giveWay = createTurns();
  try {
    for (let at = 0; at < bytes.length && parser.writable; at += SLICE_BYTES) {
      parser.write(bytes.subarray(at, at + SLICE_BYTES));
      await giveWay();
    }
    // It has ended itself where it has read enough.
    if (parser.writable) parser.end();
    await ended;
    return records;
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const line = typeof cause["lines"] === "number" ? ` near line ${cause["lines"]}` : "";
    throw invalid(`cannot be read as a table${line}: a quote is opened and not closed as it should be`);
  }
}

/** The one that stands between the names of the columns, outside of quotes. */
function delimiterOf(text: string): string {
  const [names = ""] = text
    .slice(0, 20_000)
    .replaceAll(/"(?:[^"]|"")*"/g, "")
    .trimStart()
    .split(/[\r\n]/, 1);
  const found = DELIMITERS.filter((delimiter) => names.includes(delimiter));
  if (found.length > 1)
    throw invalid("has several of comma, semicolon and tab in its first row; put its names in quotes");
  return found[0] ?? ",";
}

function namesOf(header: readonly string[]): string[] {
  if (header.length > MAX_COLUMNS) throw invalid(`has more than ${MAX_COLUMNS} columns`);
  const seen = new Map<string, string>();
  for (const name of header) {
    if (name === "") continue;
    if (name.length > MAX_FIELD_NAME_LENGTH)
      throw invalid(
        `has a column with a name of more than ${MAX_FIELD_NAME_LENGTH} characters in its first row`,
      );
    const same = seen.get(fieldKey(name));
    if (same !== undefined) throw invalid(`has two columns of one name: ${same} and ${name}`);
    seen.set(fieldKey(name), name);
  }
  return [...header];
}

function numberColumn(columns: readonly string[], asked: string | undefined): string {
  const named = columns.filter((name) => name !== "");
  const list = named.slice(0, 20).join(", ").slice(0, 300);
  if (asked !== undefined) {
    const found = named.find((name) => fieldKey(name) === fieldKey(asked));
    if (found !== undefined) return found;
    throw invalid(`has no column of that name; it has: ${list}`, "toColumn");
  }
  const exact = named.find((name) => name === "to");
  const found = named.filter((name) => NUMBER_COLUMNS.has(plain(name)));
  if (exact === undefined && found.length === 0)
    throw invalid(
      `names no column with phone numbers in its first row (it has: ${list}); call one “phone”, or say which in toColumn`,
    );
  if (exact === undefined && found.length > 1)
    throw invalid(`has several columns with phone numbers (${found.join(", ")}); say which in toColumn`);
  return exact ?? found[0]!;
}

const invalid = (message: string, field = "csv") =>
  new AppError("invalid_request", "The request's body is not valid; nothing was accepted.", {
    details: [{ field, message }],
  });
