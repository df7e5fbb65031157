import type { ContactEntry, GroupEntry } from "@whatsapp-engine/contract/runner";
import type { ConnectedRunner } from "../sessions/index.ts";

/** Whom a session's account knows, as WhatsApp Web holds it now; nothing of it is kept. */
export type AddressBook = {
  contacts(sessionId: string): Promise<ContactEntry[]>;
  groups(sessionId: string): Promise<GroupEntry[]>;
};

/** Its functions throw `session_not_found`, `session_not_connected`, `runner_unavailable`, `runtime_unavailable`. */
export const createAddressBook = (connectedRunner: ConnectedRunner): AddressBook => ({
  contacts: async (sessionId) => (await connectedRunner(sessionId).contacts()).contacts,
  groups: async (sessionId) => (await connectedRunner(sessionId).groups()).groups,
});
