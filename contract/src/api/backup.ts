import { z } from "zod";
import { textUpTo } from "./long-text.ts";

/** Guessing is stopped by nothing but the passphrase: whoever has the file can try as often as they like. */
export const MIN_PASSPHRASE_LENGTH = 12;

export const backupRequestSchema = z
  .strictObject({
    passphrase: textUpTo(1024)
      .min(MIN_PASSPHRASE_LENGTH, `must have ${MIN_PASSPHRASE_LENGTH} characters or more`)
      .meta({ description: "What the file is opened with; nobody can open it without" }),
  })
  .meta({ id: "BackupRequest" });
