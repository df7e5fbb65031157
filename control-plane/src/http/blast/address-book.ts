import { createRoute, z } from "@hono/zod-openapi";
import { sessionIdSchema } from "@whatsapp-engine/contract/api";
import type { ContactEntry, GroupEntry } from "@whatsapp-engine/contract/runner";
import type { AddressBook } from "../../chats/index.ts";
import { createRouter } from "../context.ts";
import { errorResponses } from "../errors.ts";
import { tags } from "./tags.ts";

/*
 * Contacts and groups under the names that the WA Blast application reads. Pictures are not asked for: WhatsApp answers for one person
 * at a time.
 */

const contactSchema = z.object({
  id: z.string(),
  name: z.string().nullable().meta({ description: "As the phone has it, else as the person does" }),
  pushname: z.string().nullable(),
  number: z.string().nullable().meta({ description: "Digits; null where WhatsApp does not tell them" }),
  is_admin: z.literal(false),
  profile_picture: z.null(),
  group_id: z.null(),
});
const groupSchema = z.object({
  id: z.string(),
  name: z.string(),
  desc: z.string().nullable(),
  participants_count: z.number().int(),
  is_admin: z.boolean().meta({ description: "Whether the account is an administrator of it" }),
  profile_picture: z.null(),
  participants: z.array(
    z.object({
      id: z.string(),
      name: z.string().nullable(),
      number: z.string().nullable(),
      isAdmin: z.boolean(),
    }),
  ),
});
const contactsSchema = z.object({ contacts: z.array(contactSchema), total_contacts: z.number().int() });
const groupsSchema = z.object({ groups: z.array(groupSchema), total_groups: z.number().int() });

const toContact = ({ id, name, pushName, phoneNumber }: ContactEntry) => ({
  id,
  name: name ?? pushName,
  pushname: pushName,
  number: phoneNumber,
  is_admin: false as const,
  profile_picture: null,
  group_id: null,
});
const toGroup = ({ id, name, description, isAdmin, participants }: GroupEntry) => ({
  id,
  name,
  desc: description,
  participants_count: participants.length,
  is_admin: isAdmin,
  profile_picture: null,
  participants: participants.map(({ phoneNumber, ...one }) => ({ ...one, number: phoneNumber })),
});

const route = <Path extends "contacts" | "groups" | "all-contacts", Data extends z.ZodType>(
  path: Path,
  data: Data,
  summary: string,
) =>
  createRoute({
    method: "get",
    path: `/sessions/{sessionId}/${path}` as const,
    tags,
    summary,
    request: { params: z.object({ sessionId: sessionIdSchema }) },
    responses: {
      200: {
        description: "as WhatsApp Web holds them now",
        content: { "application/json": { schema: z.object({ success: z.literal(true), data }) } },
      },
      ...errorResponses(
        "invalid_session_id",
        "session_not_found",
        "session_not_connected",
        "runner_unavailable",
        "runtime_unavailable",
      ),
    },
  });

const contacts = route("contacts", contactsSchema, "Who stands in the phone's address book or has a chat");
const groups = route("groups", groupsSchema, "Groups, with who is in them");
const both = route("all-contacts", contactsSchema.extend(groupsSchema.shape), "Contacts and groups");

export const blastAddressBook = ({ addressBook }: { addressBook: AddressBook }) => {
  const contactsOf = async (sessionId: string) => {
    const found = (await addressBook.contacts(sessionId)).map(toContact);
    return { contacts: found, total_contacts: found.length };
  };
  const groupsOf = async (sessionId: string) => {
    const found = (await addressBook.groups(sessionId)).map(toGroup);
    return { groups: found, total_groups: found.length };
  };
  return createRouter()
    .openapi(contacts, async (c) => {
      const data = await contactsOf(c.req.valid("param").sessionId);
      return c.json({ success: true as const, data }, 200);
    })
    .openapi(groups, async (c) => {
      const data = await groupsOf(c.req.valid("param").sessionId);
      return c.json({ success: true as const, data }, 200);
    })
    .openapi(both, async (c) => {
      const { sessionId } = c.req.valid("param");
      const data = { ...(await contactsOf(sessionId)), ...(await groupsOf(sessionId)) };
      return c.json({ success: true as const, data }, 200);
    });
};
