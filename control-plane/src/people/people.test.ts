import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { knownAccounts, openDatabase, type OpenDatabase } from "@whatsapp-engine/db";
import { afterEach, beforeEach, expect, it } from "vitest";
import { otherFormOf } from "./forms.ts";
import { createPeople, type People } from "./people.ts";

const [A, B] = ["6281234567890", "6281234567891"];
const [LID, OTHER_LID] = ["123456789012345@lid", "223456789012345@lid"];

let dir: string;
let database: OpenDatabase;
let people: People;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "people-"));
  database = openDatabase(dir);
  people = createPeople({ db: database.db, clock: { now: () => 7 } });
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

it.each([
  ["5511987654321", "551187654321"], // Brazil, with and without the ninth digit
  ["5531712345678", null], // not of eight digits behind the area, nor of nine
  ["551178123456", null], // a radio's line never had one
  ["551132345678", null], // nor had a fixed line
  ["525512345678", "5215512345678"],
  ["541123456789", "5491123456789"],
  ["6281234567890", null],
])("%s is also written %s", (one, other) => {
  expect(otherFormOf(one)).toBe(other);
  if (other !== null) expect(otherFormOf(other)).toBe(one);
});

it("knows nobody but themselves at first", () => {
  expect(people.formsOf(`${A}@c.us`)).toEqual([A]);
  expect(people.formsOf(LID)).toEqual([LID]);
  expect(people.formsOf("120363041234567890@g.us")).toEqual(["120363041234567890@g.us"]);
});

it("knows all forms of one account, whichever is asked for, also after a restart", () => {
  people.learn("5511987654321", "551187654321@c.us", "sent");
  people.learn("551187654321", LID, "received");
  people.learn(A, OTHER_LID, "sent");
  const again = createPeople({ db: database.db, clock: { now: () => 8 } });
  const forms = ["5511987654321", "551187654321", LID];
  for (const form of forms) expect(again.formsOf(form).toSorted()).toEqual(forms.toSorted());
  expect(again.isSame(LID, "5511987654321@c.us")).toBe(true);
  expect(again.isSame(LID, A)).toBe(false);
  expect(database.db.select().from(knownAccounts).all()).toContainEqual({
    form: "551187654321",
    account: LID,
    learntFrom: "received",
    learntAt: 7,
  });
});

it("a number that goes to another account is that one's from then on", () => {
  people.learn(A, LID, "sent");
  people.learn(B, LID, "sent");
  people.learn(A, OTHER_LID, "received");
  expect(people.isSame(A, LID)).toBe(false);
  expect(people.formsOf(LID)).toEqual([LID, B]);
});

it.each([
  [A, A],
  [A, `${A}@c.us`],
  [A, "120363041234567890@g.us"],
  [LID, OTHER_LID],
  ["status@broadcast", LID],
])("%s told as %s teaches nothing", (number, account) => {
  people.learn(number, account, "received");
  expect(database.db.select().from(knownAccounts).all()).toEqual([]);
});
