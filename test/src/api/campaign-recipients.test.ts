import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACCOUNT, createCampaigns, problems } from "../support/campaigns.ts";
import { makePdf, sha256 } from "../support/media.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";

/** Whom a campaign is for, and what each of them reads. */
describe("the recipients of a campaign", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await startStage("process", { DEFAULT_COUNTRY: "ID" });
    await linkSession(stage.engine, stage.simulator, "s", ACCOUNT);
  });
  afterAll(() => stage?.close());
  const campaigns = createCampaigns(() => stage, 1_000_000);
  const { number, bulk, bulkByForm, messageTo } = campaigns;

  describe("placeholders", () => {
    it("are filled from each recipient's fields, in the text for all and in their own", async () => {
      const [a, b, c, d] = [number(), number(), number(), number()];
      const answer = await bulk({
        message: "Halo {{name}}, tagihan {{ Jumlah }} {{note|}}",
        recipients: [
          { to: a, name: "Budi", jumlah: 25_000 },
          { to: b, fields: { Name: "Ani", JUMLAH: "1", unused: "x" } },
          { to: c, message: "Khusus {{nama}}", nama: "Cici" },
          { to: d, name: "Dodi", jumlah: true, note: "{{name}}" },
        ],
      });
      expect(answer.status, answer.text).toBe(202);
      expect((await messageTo(a)).body).toBe("Halo Budi, tagihan 25000 ");
      expect((await messageTo(b)).body).toBe("Halo Ani, tagihan 1 ");
      expect((await messageTo(c)).body).toBe("Khusus Cici");
      expect((await messageTo(d)).body).toBe("Halo Dodi, tagihan true {{name}}");
    });

    it("without a field, fields without a placeholder and all other faults are told at once", async () => {
      const same = number();
      const answer = await bulk({
        message: "Halo {{name}}",
        recipients: [
          { to: number() },
          { to: number(), name: "" },
          { to: number(), name: "x", mesage: "y" },
          { to: "12", name: "x" },
          { to: same, name: "x" },
          { to: same, name: "x", clientMessageId: "é" },
          { name: "x" },
          { to: null, name: "x" },
          null,
          7,
          [],
          { to: number(), name: { a: 1 } },
          { to: number(), name: "x", caption: "y" },
          { to: number(), message: `{{name}}${"z".repeat(65_000)}`, name: "n".repeat(4_000) },
        ],
      });
      expect(answer.status, answer.text).toBe(400);
      expect(Object.keys(problems(answer)).toSorted()).toEqual(
        [
          "0.name",
          "1.name",
          "2.mesage",
          "3.to",
          "5.to",
          "5.clientMessageId",
          "6.to",
          "7.to",
          "8",
          "9",
          "9.name",
          "10",
          "11.name",
          "12.caption",
          "13.message",
        ]
          .map((field) => `recipients.${field}`)
          .toSorted(),
      );
      expect(problems(answer)).toMatchObject({
        "recipients.0.name": expect.stringMatching(
          /is missing, and the text has \{\{name\}\}; .*\{\{name\|…\}\}/,
        ),
        "recipients.2.mesage": expect.stringMatching(/is not known, and no placeholder/),
        "recipients.5.to": "is the same recipient as recipients.4",
        "recipients.6.to": "is missing",
        "recipients.10": "must be a text or a number, not a list",
      });
      expect(answer.text).not.toMatch(/Invalid input|expected|received|Too (small|big)|undefined/);
    });

    it("are texts where that is said", async () => {
      const to = number();
      await bulk({ message: "{{name}} {{", placeholders: false, recipients: [to] });
      expect((await messageTo(to)).body).toBe("{{name}} {{");
    });
  });

  describe("a spreadsheet's table", () => {
    const csv = (to: string, more = "") => `\u{FEFF}Nama;No HP;Kota\r\nBudi;${to};"Solo; Jawa"\r\n${more}`;

    it("gives recipients and fields", async () => {
      const to = number();
      const answer = await bulk({ csv: csv(to), message: "{{nama}} dari {{KOTA}}" });
      expect(answer.status, answer.text).toBe(202);
      expect(answer.body.messages).toMatchObject([{ to }]);
      expect((await messageTo(to)).body).toBe("Budi dari Solo; Jawa");
    });

    it("comes as a file of a form, with another file for all", async () => {
      const [a, b] = [number(), number()];
      const pdf = makePdf("for all");
      const answer = await bulkByForm({
        csv: new File([csv(a, `Ani;${b};Medan\r\n`)], "kontak.csv", { type: "text/csv" }),
        type: "document",
        caption: "Untuk {{Nama}}",
        file: new File([pdf], "Undangan.pdf", { type: "application/pdf" }),
        pace: '{"perMinute":600}',
      });
      expect(answer.status, answer.text).toBe(202);
      for (const [to, caption] of [
        [a, "Untuk Budi"],
        [b, "Untuk Ani"],
      ] as const)
        expect(await messageTo(to)).toMatchObject({
          caption,
          filename: "Undangan.pdf",
          mimetype: "application/pdf",
          mediaSha256: sha256(pdf),
        });
    });

    it.each([
      ["windows-1252", "text/csv; charset=windows-1252", (text: string) => Buffer.from(text, "latin1")],
      ["Unicode text", "", (text: string) => Buffer.from(`\u{FEFF}${text.replaceAll(";", "\t")}`, "utf16le")],
      ["UTF-8", "application/vnd.ms-excel", (text: string) => Buffer.from(text)],
    ])("is read as %s", async (_, type, encode) => {
      const to = number();
      const file = new File([encode(`Prénom;Phone\r\nZoé;${to}\r\n`)], "a.csv", { type });
      const answer = await bulkByForm({ csv: file, message: "{{prénom}}" });
      expect(answer.status, answer.text).toBe(202);
      expect((await messageTo(to)).body).toBe("Zoé");
    });

    it.each([
      ["not UTF-8 and not said to be", Buffer.from("Pr\u00e9nom;Phone\r\n", "latin1"), "csv", /is not UTF-8/],
      ["a workbook", Buffer.from("PK\u{3}\u{4}\u{14}\0\u{6}\0"), "csv", /is a workbook/],
      ["without numbers", Buffer.from("a;b\r\n1;2"), "csv", /names no column with phone numbers/],
    ])("that is %s is refused", async (_, bytes, field, message) => {
      const answer = await bulkByForm({ csv: new File([bytes], "a.csv"), message: "x" });
      expect(answer.status, answer.text).toBe(400);
      expect(problems(answer)[field]).toMatch(message);
    });

    it("names the row and the column of what is wrong", async () => {
      const text = `Nama;No HP\r\nA;${number()}\r\nB;6,28E+12\r\n\r\n;0812-3456-7890 / 0813-3456-7890\r\nD;\r\nE;${number()};x\r\n`;
      const answer = await bulk({ csv: text, message: "{{nama}}" });
      expect(answer.status, answer.text).toBe(400);
      const told = answer.body.error!.details.map(({ field, message }) => `${field} ${message}`);
      expect(told).toEqual([
        expect.stringMatching(/^recipients\.1\.to row 3, No HP: .*(spreadsheet|rounded|scientific)/i),
        expect.stringMatching(/^recipients\.2\.to row 5, No HP: /),
        expect.stringMatching(/^recipients\.2\.nama row 5, nama: is missing/),
        expect.stringMatching(/^recipients\.3\.to row 6, No HP: /),
        expect.stringMatching(/^recipients\.4 row 7: has 1 cells more/),
      ]);
    });

    it("is instead of recipients, not beside them", async () => {
      expect(problems(await bulk({ csv: "phone\n1", recipients: [number()], message: "x" }))).toHaveProperty(
        "csv",
      );
      expect(problems(await bulk({ message: "x" }))).toHaveProperty("recipients");
      expect(problems(await bulk({ message: "x", recipients: [number()], toColumn: "a" }))).toHaveProperty(
        "toColumn",
      );
    });
  });
});
