import {
  contactEntrySchema,
  groupEntrySchema,
  type ContactEntry,
  type GroupEntry,
} from "@whatsapp-engine/contract/runner";
import type { z } from "zod";
import type { WhatsAppClient } from "./whatsapp/client.ts";

/** How much is read at once: what is sent meanwhile waits no longer than for that. */
const CONTACTS_AT_ONCE = 500;
const GROUPS_AT_ONCE = 10;
/** Both change while they are read; this is beyond any account. */
const MOST = 100_000;

async function readAll<T extends { id: string }>(
  schema: z.ZodType<T>,
  atOnce: number,
  read: (from: number) => Promise<{ found: T[]; total: number }>,
): Promise<T[]> {
  const all = new Map<string, T>();
  for (let from = 0, until = 1; from < Math.min(until, MOST); from += atOnce) {
    const { found, total } = await read(from);
    // People name themselves and their groups.
    for (const one of found.flatMap((told) => schema.safeParse(told).data ?? [])) all.set(one.id, one);
    until = total;
  }
  return [...all.values()];
}

/** Whom the account knows, each once. */
export const allContacts = (client: WhatsAppClient): Promise<ContactEntry[]> =>
  readAll(contactEntrySchema, CONTACTS_AT_ONCE, async (from) => {
    const { contacts, total } = await client.contacts(from, CONTACTS_AT_ONCE);
    return { found: contacts, total };
  });

/** The account's groups, each once. */
export const allGroups = (client: WhatsAppClient): Promise<GroupEntry[]> =>
  readAll(groupEntrySchema, GROUPS_AT_ONCE, async (from) => {
    const { groups, total } = await client.groups(from, GROUPS_AT_ONCE);
    return { found: groups, total };
  });
