import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { OpenDatabase } from "./open.ts";
import { openDatabase } from "./prepare.ts";
import { knownAccounts, messages } from "./schema/index.ts";

let dir: string;
let database: OpenDatabase;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "known-accounts-"));
  database = openDatabase(dir);
});
afterEach(() => {
  database.close();
  rmSync(dir, { recursive: true });
});

/** What the migration learns of the messages that an older engine sent. */
const fill = (): string => {
  const folder = fileURLToPath(new URL("../migrations", import.meta.url));
  const file = readdirSync(folder).find((name) => name.startsWith("0008_"))!;
  return readFileSync(join(folder, file), "utf8").split("--> statement-breakpoint").at(-1)!;
};

it("knows from older messages which LID a number has", () => {
  const sent = (id: string, recipient: string, whatsappId: string | null) => ({
    id,
    sessionId: "a",
    recipient,
    type: "text" as const,
    status: "sent" as const,
    whatsappId,
    createdAt: 1,
    updatedAt: 1,
    sentAt: Number(id),
  });
  database.db
    .insert(messages)
    .values([
      sent("1", "6281234567890", "true_123456789012345@lid_3EB0AA"),
      sent("2", "6281234567890", "true_223456789012345@lid_3EB0BB"),
      sent("3", "6281234567891", "true_6281234567891@c.us_3EB0CC"),
      sent("4", "120363041234567890@g.us", "true_120363041234567890@g.us_3EB0DD_6281@lid"),
      sent("5", "6281234567892", null),
    ])
    .run();
  database.db.$client.exec(fill());
  expect(database.db.select().from(knownAccounts).all()).toEqual([
    { form: "6281234567890", account: "223456789012345@lid", learntFrom: "sent", learntAt: 2 },
  ]);
});
