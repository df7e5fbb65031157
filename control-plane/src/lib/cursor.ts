import { z } from "zod";
import { AppError } from "@whatsapp-engine/contract/api";

const cursorSchema = z.tuple([z.number().int(), z.string()]);

/** Where a page ended, opaque to callers. */
export const encodeCursor = ({ createdAt, id }: { createdAt: number; id: string }): string =>
  Buffer.from(JSON.stringify([createdAt, id])).toString("base64url");

/** Throws `invalid_cursor` for anything that `encodeCursor` did not make. */
export function decodeCursor(text: string): { createdAt: number; id: string } {
  try {
    const [createdAt, id] = cursorSchema.parse(JSON.parse(Buffer.from(text, "base64url").toString()));
    return { createdAt, id };
  } catch (cause) {
    throw new AppError("invalid_cursor", "cursor is not one that this API gave.", {
      details: [{ field: "cursor", message: "use nextCursor of the page before, or leave it out" }],
      cause,
    });
  }
}
