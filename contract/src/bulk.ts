import { z } from "zod";

/** `running`: its messages go out in their turn; `paused`: none goes out; `cancelled`: what had not gone out never will. */
export const bulkStates = ["running", "paused", "cancelled"] as const;
export const bulkStateSchema = z.enum(bulkStates);
export type BulkState = z.infer<typeof bulkStateSchema>;
