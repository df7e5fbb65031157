import { and, asc, eq, inArray, sql } from "drizzle-orm";
import { AppError, type Suppression } from "@whatsapp-engine/contract/api";
import { rowsAfter, suppressions, type Db, type SuppressionRow } from "@whatsapp-engine/db";
import { z } from "zod";
import { iso, type Clock } from "../lib/clock.ts";
import { cursorOf, pageOf } from "../lib/paging.ts";
import type { AppendEvent } from "../events/index.ts";
import type { Log } from "../lib/logger.ts";
import type { People } from "../people/index.ts";

/** Stands for all sessions in the table. */
const ALL = "";

const placeCursor = cursorOf(
  z.tuple([z.string(), z.string()]),
  ({ sessionId, recipient }: SuppressionRow): [string, string] => [sessionId, recipient],
);

/** What counts of a message that came in. */
export type Inbound = {
  /** The chat it came in: `…@c.us`, `…@lid`, `…@g.us`. */
  from: string;
  body: string;
  /** Digits of who wrote it, where WhatsApp tells them. */
  phoneNumber?: string | null;
  whatsappId?: string;
};

export type Suppressions = ReturnType<typeof createSuppressions>;

/** Who must not be written to, by a session or by all. */
export function createSuppressions(deps: {
  db: Db;
  people: Pick<People, "formsOf">;
  appendEvent: AppendEvent;
  clock: Clock;
  stopWords: readonly string[];
  log: Log;
}) {
  const { db, people, clock, log } = deps;
  const stopWords = new Set(deps.stopWords.map(normalised));

  const placeholder = sql.placeholder;
  const find = db
    .select({ recipient: suppressions.recipient })
    .from(suppressions)
    .where(
      and(
        inArray(suppressions.sessionId, [ALL, placeholder("sessionId")]),
        eq(suppressions.recipient, placeholder("recipient")),
      ),
    )
    .prepare();

  /** Whichever form of the person it names. */
  const entry = (sessionId: string, recipient: string) =>
    and(eq(suppressions.sessionId, sessionId), inArray(suppressions.recipient, people.formsOf(recipient)));

  /** Within a transaction. `whatsappId`: the message by which the person asked. */
  const tell = ({ sessionId, ...row }: SuppressionRow, whatsappId: string | null = null): void => {
    const { recipient, source, note } = row;
    deps.appendEvent(sessionId, "suppression.added", { recipient, source, note, whatsappId });
  };

  return {
    /** Whether the session must not write to the recipient. */
    has: (sessionId: string, recipient: string): boolean =>
      people.formsOf(recipient).some((form) => find.get({ sessionId, recipient: form }) !== undefined),

    /** Adds an entry, or puts another note to the one that is there. Without `sessionId` it holds for all sessions. */
    add(input: { recipient: string; sessionId?: string | undefined; note?: string | undefined }): {
      created: boolean;
      suppression: Suppression;
    } {
      const { sessionId = ALL, note } = input;
      const [recipient] = people.formsOf(input.recipient) as [string];
      return db.transaction((tx) => {
        const [there] = tx
          .update(suppressions)
          .set({ note: note ?? sql`${suppressions.note}` })
          .where(entry(sessionId, recipient))
          .returning()
          .all();
        if (there) return { created: false, suppression: toSuppression(there) };
        const row = tx
          .insert(suppressions)
          .values({ sessionId, recipient, source: "operator", note, createdAt: clock.now() })
          .returning()
          .get();
        if (sessionId !== ALL) tell(row);
        return { created: true, suppression: toSuppression(row) };
      });
    },

    /** Takes the entry away again. Throws `suppression_not_found`, saying where there is one. */
    remove(recipient: string, sessionId: string = ALL): Suppression {
      const [row] = db.delete(suppressions).where(entry(sessionId, recipient)).returning().all();
      if (row) return toSuppression(row);
      const others = db
        .select({ sessionId: suppressions.sessionId })
        .from(suppressions)
        .where(inArray(suppressions.recipient, people.formsOf(recipient)))
        .limit(10)
        .all()
        .map((other) => (other.sessionId === ALL ? "all sessions" : `session '${other.sessionId}'`));
      const where = sessionId === ALL ? "all sessions" : `session '${sessionId}'`;
      throw new AppError(
        "suppression_not_found",
        `The recipient is not suppressed for ${where}${others.length > 0 ? `, but for ${others.join(", ")}; name it with ?sessionId=, or leave that out for all` : ""}.`,
      );
    },

    /** A page, those for all sessions first. Throws `invalid_cursor`. */
    list(query: {
      sessionId?: string | undefined;
      recipient?: string | undefined;
      limit: number;
      cursor?: string | undefined;
    }): { suppressions: Suppression[]; nextCursor: string | null } {
      const { sessionId, recipient, ...page } = query;
      const { rows, nextCursor } = pageOf(page, placeCursor, (limit, after) =>
        db
          .select()
          .from(suppressions)
          .where(
            and(
              sessionId === undefined ? undefined : inArray(suppressions.sessionId, [ALL, sessionId]),
              recipient === undefined
                ? undefined
                : inArray(suppressions.recipient, people.formsOf(recipient)),
              rowsAfter([suppressions.sessionId, suppressions.recipient], after),
            ),
          )
          .orderBy(asc(suppressions.sessionId), asc(suppressions.recipient))
          .limit(limit)
          .all(),
      );
      return { suppressions: rows.map(toSuppression), nextCursor };
    },

    /**
     * Adds who asked by one of the stop words not to be written to by this session; inside the transaction that stores
     * the message. A word in a group is said to the group's members, and stops nothing. It holds for the person, by
     * whichever form they are written to; a number is put beside a LID where one is known, for people who read the list.
     */
    onReceived(sessionId: string, { from, body, phoneNumber, whatsappId }: Inbound): void {
      if (stopWords.size === 0 || !/@(c\.us|lid)$/.test(from) || body.length > MAX_ASKING) return;
      if (MANY_MARKS.test(body)) return;
      if (!stopWords.has(normalised(body))) return;
      const [chat, ...others] = people.formsOf(from) as [string, ...string[]];
      const numbers = phoneNumber ? [phoneNumber] : others.filter(() => chat.endsWith("@lid"));
      const createdAt = clock.now();
      const values = [...new Set([chat, ...numbers])].map((recipient) => ({
        sessionId,
        recipient,
        source: "recipient" as const,
        createdAt,
      }));
      const added = db.insert(suppressions).values(values).onConflictDoNothing().returning().all();
      const [row] = added.filter(({ recipient }) => !recipient.includes("@")).concat(added);
      if (!row) return;
      tell(row, whatsappId);
      log.info({ sessionId }, "a recipient asked not to be written to");
    },
  };
}

/** Longer texts are no stop word, whatever stands around it. */
const MAX_ASKING = 1_000;
/**
 * More marks on one letter than any language writes (Unicode, UAX 15, "Stream-Safe Text Format"): such a text is no word, and `normalize`
 * is spared it.
 */
const MANY_MARKS = /\p{M}{31}/u;

/** Without quoted lines, what cannot be seen, and what is no letter or digit at its ends. */
function normalised(text: string): string {
  const lines = text
    .normalize("NFKC")
    .replaceAll(/\p{Cf}/gu, "")
    .split(/[\r\n\u2028\u2029]/);
  const own = [...lines.filter((line) => !line.trimStart().startsWith(">")).join(" ")];
  return own
    .slice(own.findIndex(isLetterOrDigit), own.findLastIndex(isLetterOrDigit) + 1)
    .join("")
    .replaceAll(/\s+/g, " ")
    .toLowerCase();
}

const isLetterOrDigit = (character: string): boolean => /[\p{L}\p{N}]/u.test(character);

const toSuppression = (row: SuppressionRow): Suppression => ({
  recipient: row.recipient,
  sessionId: row.sessionId === ALL ? null : row.sessionId,
  source: row.source,
  note: row.note,
  createdAt: iso(row.createdAt),
});
