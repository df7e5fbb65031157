export type { BulkService } from "./bulks/service.ts";
export { createMessages } from "./outbox.ts";
export type { Pace } from "./pace.ts";
export type { Caller, MessageService } from "./service.ts";
export type { Suppressions } from "./suppressions.ts";
