import { sessionIdSchema } from "@whatsapp-engine/contract/api";
import { claimCommandSchema } from "@whatsapp-engine/contract/runner";
import { z } from "zod";

/** Where a runner keeps its browser's data, and what a lost database is made again from (`runner/src/profile.ts`). */
export const profileFiles = {
  claim: "claim.json",
  userData: "browser/session",
  linked: "browser/linked",
  generation: "generation.json",
} as const;

/** More than any of these files has; what is larger was not written by a runner. */
export const MAX_FILE_BYTES = 16 * 1024;

/** What a profile says of itself, while no database knows it. */
export type ProfileContents = {
  /** Which session it serves, and since when (ISO 8601); null: none ever; `unreadable`: what stands there says nothing. */
  claim: { sessionId: string; claimedAt: string } | "unreadable" | null;
  /** Whether there is a login in it. */
  linked: boolean;
  /** Number of its newest runner; 0: none had one. */
  generation: number;
  /** A runner was started on it and not removed since, whether it is alive or not. */
  hasRunner: boolean;
};

const claimSchema = claimCommandSchema.extend({ sessionId: sessionIdSchema });
const generationSchema = z.object({ generation: z.number().int().min(0) });

/** `text` null: there is no such file. */
export const claimOf = (text: string | null): ProfileContents["claim"] =>
  text === null ? null : (parse(claimSchema, text) ?? "unreadable");

export const generationOf = (text: string | null): number =>
  (text === null ? undefined : parse(generationSchema, text))?.generation ?? 0;

function parse<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
