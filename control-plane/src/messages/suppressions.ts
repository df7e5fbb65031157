import { and, asc, eq, gt, gte, inArray, lt, or, sql } from "drizzle-orm";
import { AppError, type Suppression } from "@whatsapp-engine/contract";
import { messages, suppressions, type Db, type SuppressionRow } from "@whatsapp-engine/db";
import { z } from "zod";
import { iso, type Clock } from "../clock.ts";
import type { Log } from "../logger.ts";
import { sameChat } from "./recipient.ts";

/** Stands for all sessions in the table. */
const ALL = "";

const cursorSchema = z.tuple([z.string(), z.string()]);

/** What counts of a message that came in. */
export type Inbound = {
  /** The chat it came in: `…@c.us`, `…@lid`, `…@g.us`. */
  from: string;
  body: string;
  /** Digits of who wrote it, where WhatsApp tells them. */
  phoneNumber?: string | null;
};

export type Suppressions = ReturnType<typeof createSuppressions>;

/** Who must not be written to, by a session or by all. */
export function createSuppressions(deps: { db: Db; clock: Clock; stopWords: readonly string[]; log: Log }) {
  const { db, clock, log } = deps;
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
    .limit(1)
    .prepare();

  const entry = (sessionId: string, recipient: string) =>
    and(eq(suppressions.sessionId, sessionId), eq(suppressions.recipient, sameChat(recipient)));

  /**
   * Numbers this session has written to in the chat with a LID: WhatsApp files a message under the LID, in its id
   * (`true_<LID>@lid_<hash>`), whatever number it was sent to.
   */
  function numbersBehind(sessionId: string, lid: string): string[] {
    const prefix = `true_${lid}_`;
    return db
      .selectDistinct({ recipient: messages.recipient })
      .from(messages)
      .where(
        and(
          gte(messages.whatsappId, prefix),
          lt(messages.whatsappId, `${prefix}\u{10FFFF}`),
          eq(messages.sessionId, sessionId),
        ),
      )
      .all()
      .map(({ recipient }) => recipient);
  }

  return {
    /** Whether the session must not write to the recipient. */
    has: (sessionId: string, recipient: string): boolean =>
      find.get({ sessionId, recipient: sameChat(recipient) }) !== undefined,

    /** Adds an entry, or puts another note to the one that is there. Without `sessionId` it holds for all sessions. */
    add(input: { recipient: string; sessionId?: string | undefined; note?: string | undefined }): {
      created: boolean;
      suppression: Suppression;
    } {
      const { sessionId = ALL, note } = input;
      const recipient = sameChat(input.recipient);
      return db.transaction((tx) => {
        const row = tx
          .insert(suppressions)
          .values({ sessionId, recipient, source: "operator", note, createdAt: clock.now() })
          .onConflictDoNothing()
          .returning()
          .get();
        if (row) return { created: true, suppression: toSuppression(row) };
        const there = tx
          .update(suppressions)
          .set({ note: note ?? sql`${suppressions.note}` })
          .where(entry(sessionId, recipient))
          .returning()
          .get();
        return { created: false, suppression: toSuppression(there) };
      });
    },

    /** Takes the entry away again. Throws `suppression_not_found`, saying where there is one. */
    remove(recipient: string, sessionId: string = ALL): Suppression {
      const row = db.delete(suppressions).where(entry(sessionId, recipient)).returning().get();
      if (row) return toSuppression(row);
      const others = db
        .select({ sessionId: suppressions.sessionId })
        .from(suppressions)
        .where(eq(suppressions.recipient, sameChat(recipient)))
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
      const { sessionId, recipient, limit, cursor } = query;
      const after = cursor === undefined ? undefined : decodeCursor(cursor);
      const rows = db
        .select()
        .from(suppressions)
        .where(
          and(
            sessionId === undefined ? undefined : inArray(suppressions.sessionId, [ALL, sessionId]),
            recipient === undefined ? undefined : eq(suppressions.recipient, sameChat(recipient)),
            after &&
              or(
                gt(suppressions.sessionId, after.sessionId),
                and(eq(suppressions.sessionId, after.sessionId), gt(suppressions.recipient, after.recipient)),
              ),
          ),
        )
        .orderBy(asc(suppressions.sessionId), asc(suppressions.recipient))
        .limit(limit + 1)
        .all();
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return {
        suppressions: page.map(toSuppression),
        nextCursor: rows.length > limit && last ? encodeCursor(last) : null,
      };
    },

    /**
     * Adds who asked by one of the stop words not to be written to by this session; inside the transaction that stores
     * the message. A word in a group is said to the group's members, and stops nothing. Behind a LID, where WhatsApp does
     * not tell the number, the numbers that were written to in that chat are added besides it.
     */
    onReceived(sessionId: string, { from, body, phoneNumber }: Inbound): void {
      if (stopWords.size === 0 || !/@(c\.us|lid)$/.test(from) || !stopWords.has(normalised(body))) return;
      const told = phoneNumber ? [phoneNumber] : [];
      const found = from.endsWith("@lid") && !phoneNumber ? numbersBehind(sessionId, from) : told;
      const recipients = new Set([from, ...found].map(sameChat));
      const createdAt = clock.now();
      const values = [...recipients].map((recipient) => ({
        sessionId,
        recipient,
        source: "recipient" as const,
        createdAt,
      }));
      const { changes } = db.insert(suppressions).values(values).onConflictDoNothing().run();
      if (changes > 0) log.info({ sessionId }, "a recipient asked not to be written to");
    },
  };
}

const normalised = (text: string): string => text.trim().toLowerCase();

const toSuppression = (row: SuppressionRow): Suppression => ({
  recipient: row.recipient,
  sessionId: row.sessionId === ALL ? null : row.sessionId,
  source: row.source,
  note: row.note,
  createdAt: iso(row.createdAt),
});

const encodeCursor = ({ sessionId, recipient }: SuppressionRow): string =>
  Buffer.from(JSON.stringify([sessionId, recipient])).toString("base64url");

function decodeCursor(text: string): { sessionId: string; recipient: string } {
  try {
    const [sessionId, recipient] = cursorSchema.parse(JSON.parse(Buffer.from(text, "base64url").toString()));
    return { sessionId, recipient };
  } catch (cause) {
    throw new AppError("invalid_cursor", "cursor is not one that this API gave.", {
      details: [{ field: "cursor", message: "use nextCursor of the page before, or leave it out" }],
      cause,
    });
  }
}
