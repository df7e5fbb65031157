import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** What tells that a form is an account's: a message that went out to it, or something that came in from it. */
export const learntFrom = ["sent", "received"] as const;

/** Which account WhatsApp means by a number, where it calls it otherwise: by a LID, or by another form of the number. */
export const knownAccounts = sqliteTable(
  "known_accounts",
  {
    /** Digits. */
    form: text().primaryKey(),
    /** `…@lid`, or digits. */
    account: text().notNull(),
    learntFrom: text("learnt_from", { enum: learntFrom }).notNull(),
    learntAt: integer("learnt_at").notNull(),
  },
  (table) => [index("known_accounts_account").on(table.account)],
);
export type KnownAccountRow = typeof knownAccounts.$inferSelect;
