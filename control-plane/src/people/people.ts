import { knownAccounts, type Db, type KnownAccountRow } from "@whatsapp-engine/db";
import type { Clock } from "../lib/clock.ts";
import { otherFormOf } from "./forms.ts";

export type People = ReturnType<typeof createPeople>;

/** Forms of one person that are looked at: numbers, and LIDs. */
const MOST_FORMS = 32;

/**
 * One person has several forms: the ways in which a number is written at WhatsApp, and a LID. Two ways of one number are the same
 * person by their country's plan (`forms.ts`); the rest WhatsApp tells, and it is kept. A number that WhatsApp gives to another
 * account later is that one's from then on.
 */
export function createPeople({ db, clock }: { db: Db; clock: Clock }) {
  // Asked several times for each message, so without what a query builder makes of each row.
  const accountOf = db.$client.prepare("select account from known_accounts where form = ?").pluck();
  const linked = db.$client
    .prepare(
      `select account from known_accounts where form = @form
        union all select form from known_accounts where account = @form limit ${MOST_FORMS}`,
    )
    .pluck();

  const nextTo = (form: string): (string | null)[] => [
    otherFormOf(form),
    ...(linked.all({ form }) as string[]),
  ];

  /** All that a recipient (digits, or a chat id) is known by, itself first. */
  function formsOf(recipient: string): string[] {
    const forms = [sameForm(recipient)];
    if (forms[0]!.endsWith("@g.us")) return forms;
    for (let at = 0; at < forms.length && forms.length < MOST_FORMS; at++)
      for (const form of nextTo(forms[at]!)) if (form && !forms.includes(form)) forms.push(form);
    return forms;
  }

  return {
    formsOf,
    /** Whether WhatsApp told of an account of this number. */
    isKnown: (recipient: string): boolean => formsOf(recipient).some((form) => form.endsWith("@lid")),
    isSame: (one: string, other: string): boolean => formsOf(one).includes(sameForm(other)),

    /** Within a transaction: WhatsApp calls the account of this number so: by a LID, or by another number. */
    learn(number: string, account: string, learntFrom: KnownAccountRow["learntFrom"]): void {
      const [form, called] = [sameForm(number), sameForm(account)];
      if (!/^\d+$/.test(form) || !/^\d+(@lid)?$/.test(called) || form === called) return;
      if (accountOf.get(form) === called) return;
      const known = { account: called, learntFrom, learntAt: clock.now() };
      db.insert(knownAccounts)
        .values({ form, ...known })
        .onConflictDoUpdate({ target: knownAccounts.form, set: known })
        .run();
    },
  };
}

const PERSON = "@c.us";

/** `6281234567890@c.us` and `6281234567890` are the same. */
export const sameForm = (recipient: string): string =>
  recipient.endsWith(PERSON) ? recipient.slice(0, -PERSON.length) : recipient;
