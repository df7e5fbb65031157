import { AppError } from "@whatsapp-engine/contract/api";

export const invalidBackup = (why: string, cause?: unknown): AppError =>
  new AppError("invalid_backup", `The file is no backup that can be restored: ${why}. Nothing was changed.`, {
    cause,
  });
