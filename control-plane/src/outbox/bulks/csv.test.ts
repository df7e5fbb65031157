import { describe, expect, it, onTestFinished } from "vitest";
import { AppError } from "@whatsapp-engine/contract/api";
import { readTable } from "./csv.ts";

const problem = async (text: string, toColumn?: string) => {
  try {
    return JSON.stringify(await readTable(text, toColumn));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.details.map(({ field, message }) => `${field} ${message}`).join("; ");
  }
};
const rowsOf = async (text: string) =>
  (await readTable(text, undefined)).rows.map(({ row, fields }) => [row, fields]);

describe("a table", () => {
  it.each([
    ["comma", "phone,name\n+62812,Budi\n"],
    ["semicolon, as Excel saves where the comma is a decimal one", "phone;name\r\n+62812;Budi\r\n"],
    ["tab", "phone\tname\n+62812\tBudi"],
    ["byte order mark", "\u{FEFF}phone;name\r\n+62812;Budi\r\n"],
    ["sep=", "sep=;\r\nphone;name\r\n+62812;Budi"],
    ["byte order mark and sep=", "\u{FEFF}sep=,\nphone,name\n+62812,Budi"],
    ["quotes", '"phone","name"\n"+62812","Budi"\n'],
    ["carriage returns alone, as an old Mac", "phone,name\r+62812,Budi\r"],
    ["blanks around", " phone , name \n +62812 , Budi "],
    ["empty rows at its end", "phone,name\n+62812,Budi\n,\n,\n"],
    ["an empty column at its end", "phone,name,\n+62812,Budi,\n"],
  ])("with %s is read", async (_, text) => {
    expect(await rowsOf(text)).toEqual([[2, { phone: "+62812", name: "Budi" }]]);
  });

  it("may have quotes, delimiters and line breaks in its cells", async () => {
    const text = 'phone;"a;b";text\n1;"x;y";"He said ""Hi""\nand left"\n2;5" pipe;z\n';
    expect(await rowsOf(text)).toEqual([
      [2, { phone: "1", "a;b": "x;y", text: 'He said "Hi"\nand left' }],
      [3, { phone: "2", "a;b": '5" pipe', text: "z" }],
    ]);
  });

  it("numbers rows as the spreadsheet does, empty ones too", async () => {
    expect((await rowsOf("phone\n\n1\n\n\n2\n")).map(([row]) => row)).toEqual([3, 6]);
  });

  it.each([
    "to",
    "Phone",
    "PHONE NUMBER",
    "No. HP",
    "nomor_wa",
    "No WhatsApp",
    "Telefone",
    "Celular",
    "Número",
    "Handphone",
  ])("finds the numbers in the column %s", async (name) => {
    expect((await readTable(`nama,${name}\nBudi,1`, undefined)).toColumn).toBe(name);
  });

  it("is told which column by toColumn, whatever its case", async () => {
    expect((await readTable("Phone;Rumah\n1;2", "rumah")).toColumn).toBe("Rumah");
  });

  it("takes `to` before other names", async () => {
    expect((await readTable("Phone;to\n1;2", undefined)).toColumn).toBe("to");
  });

  it.each([
    ["", /^csv names no column/],
    ["phone;name\n", /has no rows below/],
    ["nama,kota\nBudi,Solo", /names no column with phone numbers .*nama, kota/],
    ["6281234567890\n6281234567891", /names no column with phone numbers .*6281234567890/],
    ["phone,mobile\n1,2", /several columns with phone numbers \(phone, mobile\)/],
    ["phone,Name,name\n1,2,3", /two columns of one name: Name and name/],
    ["phone,a;b\n1,2", /several of comma, semicolon and tab/],
    ['phone,name\n1,"Budi', /a quote is opened/],
    ["PK\u{3}\u{4}rest", /workbook/],
    [`phone\n${"1\n".repeat(1_001)}`, /more than 1000 rows/],
    [`phone\n${"1\n".repeat(500_000)}`, /more than 50000 rows/],
    [`phone${",".repeat(500)}\n1`, /more than 500 columns/],
    [`phone,${"x".repeat(65)}\n1,2`, /more than 64 characters/],
  ])("is refused, %#", async (text, message) => {
    expect(await problem(text)).toMatch(message);
  });

  it("is refused where toColumn is not in it", async () => {
    expect(await problem("phone\n1", "HP")).toBe("toColumn has no column of that name; it has: phone");
  });

  it("tells of cells that no column is there for", async () => {
    expect((await readTable("phone,text\n1,a,b\n2,a,", undefined)).rows.map(({ extra }) => extra)).toEqual([
      1, 0,
    ]);
  });

  it.each([
    ["blank lines after each row", "\n\n\n\n"],
    ["line ends that were converted twice", "\r\r\n"],
  ])("keeps all rows with %s", async (_, ending) => {
    const rows = Array.from({ length: 1_000 }, (__, at) => String(at));
    expect(
      (await readTable(["phone", ...rows].join(ending), undefined)).rows.map(({ fields }) => fields["phone"]),
    ).toEqual(rows);
  });

  it.each(["\u{1F600}", ",", "a", '"a",'])(
    "gives way to others while it is read: %s and so on",
    async (part) => {
      let turns = 0;
      let others = setImmediate(function turn() {
        turns += 1;
        others = setImmediate(turn);
      });
      onTestFinished(() => clearImmediate(others));
      expect(await problem(part.repeat(1_000_000 / part.length))).toMatch(/^csv /);
      expect(turns).toBeGreaterThan(100);
    },
  );

  it("is refused where it goes on behind more empty rows than are read", async () => {
    expect(await problem(`phone\n1${"\n".repeat(60_000)}2`)).toMatch(
      /more than 50000 rows, empty ones counted/,
    );
  });
});
