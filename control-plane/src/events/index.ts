export { createEventFeed, type EventFeed, type EventFilter } from "./feed.ts";
export { publicEventOf } from "./from-runner.ts";
export { createEventRetention } from "./retention.ts";
export { type AppendEvent, createEventStore, type EventStore, toEvent } from "./store.ts";
