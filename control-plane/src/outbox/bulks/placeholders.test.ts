import { MAX_FIELD_NAME_LENGTH } from "@whatsapp-engine/contract/api";
import { expect, it } from "vitest";
import { fieldKey, fieldsNamedIn, fill } from "./placeholders.ts";

const fields = (given: Record<string, string>) =>
  new Map(Object.entries(given).map(([name, value]) => [fieldKey(name), value]));

it.each([
  ["Halo {{name}}!", { name: "Budi" }, "Halo Budi!"],
  ["{{ Nama Lengkap }}, {{NAMA LENGKAP}}", { "nama lengkap": "Ani" }, "Ani, Ani"],
  ["Halo {{name|Kak}}", { name: " " }, "Halo Kak"],
  ["Halo{{name|}}.", {}, "Halo."],
  ["{{café}}", { "cafe\u0301": "ya" }, "ya"],
  ["{{a}}", { a: "{{b}}", b: "no" }, "{{b}}"],
  ["{{a}}", { a: "$& $1" }, "$& $1"],
  ["{name} {{}} {{ }} {{na{me}} {{{name}}}", { name: "Budi" }, "{name} {{}} {{ }} {{na{me}} {Budi}"],
  ["{{a\nb}} {{|x}}", {}, "{{a\nb}} {{|x}}"],
])("fills %j with %j", (text, given, filled) => {
  expect(fill(text, fields(given), 1_000)).toEqual({ text: filled, missing: [] });
});

it("tells each placeholder once that has neither a field nor another text", () => {
  expect(fill("{{a}} {{b}} {{a}} {{c|x}} {{ d }}", fields({ b: "" }), 1_000).missing).toEqual([
    "{{a}}",
    "{{b}}",
    "{{ d }}",
  ]);
});

it("tells which fields a text names", () => {
  expect(fieldsNamedIn("{{ Name }} {{b|x}} {{}} {c}")).toEqual(["name", "b"]);
});

it.each(["{{a".repeat(20_000), `{{${" ".repeat(60_000)}`, `{{a|${"b".repeat(60_000)}`, "{".repeat(60_000)])(
  "looks through a text of no placeholders in linear time: %.8s…",
  (text) => {
    const started = performance.now();
    for (let times = 0; times < 100; times++) expect(fill(text, new Map(), 100_000).text).toBe(text);
    expect(performance.now() - started).toBeLessThan(2_000);
  },
);

it("does not build what would be too long", () => {
  const long = "{{a}}".repeat(200);
  expect(fill(long, fields({ a: "x".repeat(4_000) }), 65_536).text).toBeNull();
  expect(fill("{{a}}b", fields({ a: "xyz" }), 4).text).toBe("xyzb");
  expect(fill("{{a}}b", fields({ a: "xyz" }), 3).text).toBeNull();
});

it("a name that is longer than any may be is left as it is, and is put into no other form", () => {
  const longest = `${"N".repeat(MAX_FIELD_NAME_LENGTH - 2)}e\u0301`;
  expect(fieldKey(` ${longest} `)).toBe(longest.normalize("NFC").toLowerCase());
  const longer = `N${longest}`;
  expect(fieldKey(` ${longer} `)).toBe(longer);
});
