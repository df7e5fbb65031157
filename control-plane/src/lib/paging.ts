import { z } from "zod";
import { AppError } from "@whatsapp-engine/contract/api";

/** How the place where a page ended is told to callers, who only give it back. */
export type Cursor<Row, Key> = {
  encode(last: Row): string;
  /** Throws `invalid_cursor` for anything that `encode` did not make. */
  decode(text: string): Key;
};

const refuse = (cause?: unknown): never => {
  throw new AppError("invalid_cursor", "cursor is not one that this API gave.", {
    details: [{ field: "cursor", message: "use nextCursor of the page before, or leave it out" }],
    cause,
  });
};

/** `read` returns undefined, or throws, for what is no cursor of this list. */
export const createCursor = <Row, Key>(
  encode: (last: Row) => string,
  read: (text: string) => Key | undefined,
): Cursor<Row, Key> => ({
  encode,
  decode(text) {
    let key: Key | undefined;
    try {
      key = read(text);
    } catch (cause) {
      return refuse(cause);
    }
    return key === undefined ? refuse() : key;
  },
});

/** A cursor of several values, as base64url of their JSON. */
export const cursorOf = <Row, Key>(schema: z.ZodType<Key>, keyOf: (row: Row) => Key): Cursor<Row, Key> =>
  createCursor(
    (last) => Buffer.from(JSON.stringify(keyOf(last))).toString("base64url"),
    (text) => schema.parse(JSON.parse(Buffer.from(text, "base64url").toString())),
  );

/** Of a list in the order in which its rows were created; the id orders those of the same millisecond. */
export type Age = [createdAt: number, id: string];
export const ageCursor = cursorOf(
  z.tuple([z.number().int(), z.string()]),
  ({ createdAt, id }: { createdAt: number; id: string }): Age => [createdAt, id],
);

/**
 * A page of a list. `read` returns up to `limit` rows that come after `after`, in order; it is asked for one more than the page
 * has, which tells whether there is another. Throws `invalid_cursor`.
 */
export function pageOf<Row extends CursorRow, CursorRow, Key>(
  page: { limit: number; cursor?: string | undefined },
  cursor: Cursor<CursorRow, Key>,
  read: (limit: number, after: Key | undefined) => Row[],
): { rows: Row[]; nextCursor: string | null } {
  const found = read(page.limit + 1, page.cursor === undefined ? undefined : cursor.decode(page.cursor));
  const rows = found.slice(0, page.limit);
  const last = rows.at(-1);
  return { rows, nextCursor: found.length > page.limit && last !== undefined ? cursor.encode(last) : null };
}
