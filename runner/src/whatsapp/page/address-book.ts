import type { ContactEntry, GroupEntry } from "@whatsapp-engine/contract/runner";
import type { PageWindow } from "./window.ts";

declare const window: PageWindow;

/**
 * People the account knows, a page of them in the order in which WhatsApp Web holds them: who stands in the phone's address book,
 * and who has a chat with it. `total`: how many there are in all.
 */
export const readContacts = (from: number, count: number): { contacts: ContactEntry[]; total: number } => {
  const { Contact, Chat } = window.require("WAWebCollections");
  const { getIsMyContact } = window.require("WAWebFrontendContactGetters");
  const { idOf, isMe, phoneNumberOf } = window.engine!;
  /** People write what they like; what is longer than any name or description of a group is cut. */
  const nameOf = (told: unknown) => (typeof told === "string" && told !== "" ? told.slice(0, 4_096) : null);
  const all = Contact.getModelsArray().filter((contact) => {
    const id = idOf(contact.id);
    if (id === null || !/@(c\.us|lid)$/.test(id) || isMe(id)) return false;
    return getIsMyContact(contact) || Chat.get(id) !== undefined;
  });
  const contacts = all.slice(from, from + count).map((contact) => {
    const id = idOf(contact.id)!;
    return {
      id,
      name: nameOf(contact.name),
      pushName: nameOf(contact.pushname),
      phoneNumber: phoneNumberOf(id),
      isMyContact: getIsMyContact(contact),
    };
  });
  return { contacts, total: all.length };
};

/** Groups of the account with who is in them, a page of them in the order in which WhatsApp Web holds them. */
export const readGroups = async (
  from: number,
  count: number,
): Promise<{ groups: GroupEntry[]; total: number }> => {
  const { Contact, Chat, GroupMetadata, WAWebGroupMetadataCollection } = window.require("WAWebCollections");
  const metadata = GroupMetadata ?? WAWebGroupMetadataCollection;
  const { idOf, isMe, phoneNumberOf } = window.engine!;
  /** People write what they like; what is longer than any name or description of a group is cut. */
  const nameOf = (told: unknown) => (typeof told === "string" && told !== "" ? told.slice(0, 4_096) : null);
  const all = Chat.getModelsArray().filter(({ id }) => idOf(id)?.endsWith("@g.us") === true);

  const read = async (chat: (typeof all)[number]): Promise<GroupEntry> => {
    const isKnown = (chat.groupMetadata?.serialize().participants?.length ?? 0) > 0;
    // Of a group that it was not asked about the page may not know who is in it.
    if (!isKnown) await metadata?.update(chat.id).catch(() => undefined);
    const about = chat.groupMetadata?.serialize();
    const participants = (about?.participants ?? []).map((one) => {
      const id = idOf(one.id)!;
      const contact = Contact.get(id);
      const isAdmin = one.isAdmin === true || one.isSuperAdmin === true;
      return {
        id,
        phoneNumber: phoneNumberOf(id),
        name: nameOf(contact?.name) ?? nameOf(contact?.pushname),
        isAdmin,
      };
    });
    return {
      id: idOf(chat.id)!,
      name: nameOf(about?.subject) ?? nameOf(chat.name) ?? "",
      description: nameOf(about?.desc),
      isAdmin: participants.some(({ id, isAdmin }) => isAdmin && isMe(id)),
      participants,
    };
  };
  return { groups: await Promise.all(all.slice(from, from + count).map(read)), total: all.length };
};
