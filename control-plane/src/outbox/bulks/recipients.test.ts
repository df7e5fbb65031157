import { expect, it } from "vitest";
import type { SendBulk } from "@whatsapp-engine/contract/api";
import { checkRecipients } from "./recipients.ts";

const check = (input: Partial<SendBulk>) =>
  checkRecipients({ type: "text", ...input }, input.message ?? null, {
    people: { formsOf: (recipient) => [recipient] },
    defaultCountry: "ID",
    isUsed: () => false,
  });
const number = (at: number) => `62812${String(at).padStart(7, "0")}`;
const numbers = (count: number) => Array.from({ length: count }, (_, at) => number(at));
const text = (placeholders: number) => Array.from({ length: placeholders }, (_, at) => `{{p${at}}}`).join("");

it("tells no more of a recipient than helps to mend it", async () => {
  const checked = await check({ message: text(200), recipients: numbers(3) });
  expect(checked.map(({ problems }) => problems.length)).toEqual([20, 20, 20]);
});

it("refuses a text of more placeholders than are filled in, for each, and fills the most", async () => {
  const [one] = await check({ message: text(201), recipients: numbers(1) });
  expect(one!.problems).toEqual([
    { field: "recipients.0.message", message: "has more than 200 placeholders" },
  ]);
  const fields = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`p${at}`, at]));
  const [filled] = await check({ message: text(200), recipients: [{ to: number(1), fields }] });
  expect(filled).toMatchObject({ problems: [], body: Object.values(fields).join("") });
});

it("keeps no text that placeholders make too long", async () => {
  const recipients = numbers(1_000).map((to) => ({ to, a: "x".repeat(4_000) }));
  const checked = await check({ message: "{{a}}".repeat(200), recipients });
  for (const { body, problems } of checked) {
    expect(body).toBeNull();
    expect(problems).toMatchObject([{ message: expect.stringMatching(/longer than 65536 characters/) }]);
  }
});

it("keeps no more text of a bulk than fits into memory many times", async () => {
  const recipients = numbers(1_000).map((to) => ({ to, a: "x".repeat(4_000) }));
  const checked = await check({ message: "{{a}}".repeat(16), recipients });
  expect(checked.reduce((sum, { body }) => sum + (body?.length ?? 0), 0)).toBeLessThanOrEqual(16_000_000);
  expect(checked.at(-1)!.problems[0]!.message).toMatch(/too long together/);
});

it("refuses a recipient of more fields than a table has columns, wherever they stand", async () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}`, "x"]));
  for (const recipient of [
    { to: number(0), ...many(500) },
    { to: number(0), fields: many(500) },
  ]) {
    const [one] = await check({ message: "x", recipients: [recipient] });
    expect(one!.problems).toEqual([{ field: "recipients.0", message: "has more than 500 fields" }]);
  }
});

it("takes the column of numbers for nothing else", async () => {
  const [one] = await check({ csv: `message\n${number(0)}`, toColumn: "message", message: "Hello" });
  expect(one).toMatchObject({ recipient: number(0), body: "Hello", problems: [] });
});
