import { getTableColumns, sql } from "drizzle-orm";
import { bulks, messages, type Db, type MessageRow } from "@whatsapp-engine/db";
import { accountLimitSchema } from "@whatsapp-engine/contract/api";
import { NOT_TAKEN_BY_PAGE, type SendRecord } from "@whatsapp-engine/contract/runner";

export type { MessageRow };
export type NewMessage = Pick<MessageRow, "id" | "sessionId" | "recipient" | "type"> &
  Partial<
    Pick<
      MessageRow,
      | "body"
      | "content"
      | "mediaSha256"
      | "mediaMimetype"
      | "mediaFilename"
      | "mediaBytes"
      | "bulkId"
      | "clientMessageId"
      | "requestHash"
      | "repeatHash"
      | "scheduledAt"
      | "expiresAt"
    >
  >;

/** Nothing was wrong with the message: the connection went before WhatsApp's code had it, and it can go out later. */
export const isNotConnected = ({ outcome, error }: SendRecord): boolean =>
  outcome === "not_sent" && error?.code === "not_connected";

/** Of an attempt before the one that the row is at, by which it was not sent. */
export const isOfBefore = (
  { attempt, outcome }: SendRecord,
  { attempts }: Pick<MessageRow, "attempts">,
): boolean => outcome === "not_sent" && attempt !== undefined && attempt < attempts;

/** Nothing was wrong with the message: WhatsApp keeps the account from writing to this chat, for some time. */
export const isLimited = ({ outcome, error }: SendRecord): boolean =>
  outcome === "not_sent" && accountLimitSchema.safeParse(error?.code).success;

/** The page's own code failed to take it: the message may be as it should be, and the page not. */
export const isPageTrouble = ({ outcome, error }: SendRecord): boolean =>
  outcome === "not_sent" &&
  (error?.code === "page_error" ||
    (error?.code === "invalid_media" && error.message.startsWith(NOT_TAKEN_BY_PAGE)));

/** Ended without demonstrably having gone out: its caller may have it sent again. */
export const isRetryable = ({ status }: Pick<MessageRow, "status">): boolean =>
  status === "failed" || status === "unknown" || status === "expired" || status === "cancelled";

/** Why it was not sent, or is not known to be. */
export const errorOf = ({ errorCode, errorMessage }: MessageRow) =>
  errorCode === null ? null : { code: errorCode, message: errorMessage ?? "" };

/** Order of acceptance. */
export const ROWID = sql`${messages}.rowid`;

/** Rows of a bulk come in portions, and its own row last: before that none of them is accepted. */
export const isAccepted = sql`(${messages.bulkId} is null or exists (select 1 from ${bulks} where ${bulks.id} = ${messages.bulkId}))`;

/** Rows that one pass of a clean-up or a timer touches, so that it does not hold up the rest. */
export const BATCH = 500;

/** A statement that adds a message, unless its `clientMessageId` was used before; answers the row if it was added. */
export const prepareInsert = (db: Db) =>
  db.insert(messages).values(columnPlaceholders()).onConflictDoNothing().returning().prepare();

/** What differs between the messages of a bulk, as they are accepted. */
export type BulkMessage = Pick<MessageRow, "id" | "recipient" | "body" | "clientMessageId" | "requestHash">;
/** What is the same in all of them. */
export type BulkShared = Omit<NewMessage, keyof BulkMessage | "repeatHash"> & { bulkId: string };
type MessageOfMany = BulkMessage & Pick<MessageRow, "waitsFor" | "position">;

/**
 * A statement that adds many messages, but those whose `clientMessageId` was used before; returns how many it added. One statement, as
 * each pays for the table's triggers: a thousand rows of one take 9 ms, of a thousand 36. `content` comes as JSON.
 */
export function prepareInsertAll(
  db: Db,
): (each: readonly MessageOfMany[], shared: Readonly<Record<string, unknown>>) => number {
  const own = Object.entries(getTableColumns(messages)).filter(([key]) => OF_EACH.has(key));
  const same = Object.entries(getTableColumns(messages)).filter(([key]) => OF_ALL.has(key));
  const [ownNames, sameNames] = [own, same].map((columns) => columns.map(([, { name }]) => name));
  let given: readonly MessageOfMany[] = [];
  db.$client.table("given_messages", {
    columns: ownNames!,
    *rows() {
      for (const message of given) yield own.map(([key]) => message[key as keyof MessageOfMany]);
    },
  });
  const insert = db.$client.prepare(
    `insert into messages (${[...ownNames!, ...sameNames!].join(", ")})
      select ${[...ownNames!, ...same.map(([key]) => `@${key}`)].join(", ")} from given_messages
      where true on conflict do nothing`,
  );
  const none = Object.fromEntries(same.map(([key]) => [key, null]));
  return (each, shared) => {
    given = each;
    try {
      return insert.run({ ...none, ...shared }).changes;
    } finally {
      given = [];
    }
  };
}
const OF_EACH = new Set([
  "id",
  "recipient",
  "body",
  "clientMessageId",
  "requestHash",
  "waitsFor",
  "position",
]);
const OF_ALL = new Set([
  "sessionId",
  "type",
  "content",
  "mediaSha256",
  "mediaMimetype",
  "mediaFilename",
  "mediaBytes",
  "status",
  "bulkId",
  "attempts",
  "createdAt",
  "updatedAt",
  "scheduledAt",
  "expiresAt",
]);

const columnNames = Object.keys(getTableColumns(messages));
const columnPlaceholders = () => {
  const columns = Object.fromEntries(columnNames.map((name) => [name, sql.placeholder(name)]));
  // As text, not through the column's encoder: it would make the text "null" of null.
  return { ...columns, content: sql`${sql.placeholder("content")}` } as never;
};
/** What `prepareInsert` takes for a column that is not given. */
export const EMPTY = Object.fromEntries(columnNames.map((name) => [name, null]));
