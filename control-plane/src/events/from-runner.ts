import type { EventData, EventType } from "@whatsapp-engine/contract/api";
import type { RunnerEvent } from "@whatsapp-engine/contract/runner";

/** WhatsApp's names of what our API calls otherwise; any other kind keeps its name. */
const TYPES: Record<string, string> = {
  chat: "text",
  ptt: "voice",
  vcard: "contact",
  multi_vcard: "contact",
  poll_creation: "poll",
};

/** An event's type and what is told with it. */
type Told = { [Type in EventType]: { type: Type; data: EventData<Type> } }[EventType];

/** What an application is told of a runner's event; null: nothing of its own. */
export function publicEventOf(event: RunnerEvent): Told | null {
  switch (event.type) {
    case "message_received": {
      const { type: _, kind, ...data } = event;
      return { type: "message.received", data: { ...data, type: TYPES[kind] ?? kind } };
    }
    case "message_reaction":
      return { type: "message.reaction", data: withoutType(event) };
    case "message_edited":
      return { type: "message.edited", data: withoutType(event) };
    case "message_revoked":
      return { type: "message.revoked", data: withoutType(event) };
    case "call_received":
      return { type: "call.received", data: withoutType(event) };
    case "message_ack":
    case "send_settled":
      return null;
  }
}

const withoutType = <Event extends RunnerEvent>({ type: _, ...data }: Event): Omit<Event, "type"> => data;
