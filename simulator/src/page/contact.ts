import type { Listing, WireContact } from "../wire.ts";
import type { Link } from "./link.ts";
import { Collection, Model } from "./model.ts";
import { createWid, type Wid } from "./wid.ts";

class Contact extends Model<{
  id: Wid;
  name: string;
  pushname: string;
  phoneNumber: Wid | undefined;
  isBusiness: boolean;
  isMyContact: boolean;
}> {
  declare id: Wid;
  declare name: string;
  declare pushname: string;
  declare isMyContact: boolean;
}

type Known = { name: string; pushname: string; isMyContact: boolean };
const make = (id: Wid, known: Known) =>
  new Contact({ id, ...known, phoneNumber: undefined, isBusiness: false });

class Contacts extends Collection<Contact> {
  async find(id: Wid | string): Promise<Contact> {
    const wid = createWid(id);
    const name = wid.user;
    return this.get(wid) ?? this.add(make(wid, { name, pushname: name, isMyContact: false }));
  }
}

/** Who is on WhatsApp, under which number and LID. */
export const createContacts = (link: Link, me: () => Wid | undefined) => {
  const all = new Contacts();
  const listings = new Map<string, Listing>();

  const known = (wid: Wid): Listing | undefined => listings.get(wid.toString());
  const ask = (wid: Wid): Promise<Listing | null> => link.call("find", { id: wid.toString() });
  const lookUp = async (wid: Wid): Promise<Listing | null> => {
    const listing = known(wid) ?? (await ask(wid));
    if (listing) listings.set(listing.pn, listing).set(listing.lid, listing);
    return listing;
  };
  const asWid = (id: string | undefined) => (id === undefined ? undefined : createWid(id));
  const getCurrentLid = (wid: Wid) => (wid.isLid() ? wid : asWid(known(wid)?.lid));
  const getPhoneNumber = (wid: Wid) => (wid.isLid() ? asWid(known(wid)?.pn) : wid);

  return {
    all,
    known,
    ask,
    /** WhatsApp tells with a message who its writer is. */
    know: (people: readonly Listing[]) => {
      for (const person of people) listings.set(person.pn, person).set(person.lid, person);
    },
    /** The phone's address book, and who is known otherwise. */
    load: (contacts: readonly WireContact[]) => {
      for (const { id, name, pushname } of contacts) {
        const wid = createWid(id);
        const known = { name: name ?? "", pushname: pushname ?? "", isMyContact: name !== null };
        const there = all.get(wid);
        if (there) there.set(known);
        else all.add(make(wid, known));
      }
    },
    /** Chats can be addressed otherwise from now on. */
    forget: () => listings.clear(),

    modules: {
      WAWebQueryExistsJob: {
        queryWidExists: async (wid: Wid) => {
          const listing = await lookUp(wid);
          return listing && { wid: createWid(wid.isLid() ? listing.lid : listing.pn), biz: false };
        },
      },
      WAWebApiContact: {
        getCurrentLid,
        getPhoneNumber,
        getAlternateUserWid: (wid: Wid) => (wid.isLid() ? asWid(known(wid)?.pn) : asWid(known(wid)?.lid)),
      },
      WAWebLidMigrationUtils: {
        toPn: (wid: Wid) => (wid.isLid() ? getPhoneNumber(wid) : wid),
        toLid: getCurrentLid,
        isLidMigrated: () => true,
      },
      WAWebContactGetters: {
        getIsMe: ({ id }: Contact) => id.equals(me()),
        getIsUser: ({ id }: Contact) => id.isUser(),
        getIsGroup: ({ id }: Contact) => id.isGroup(),
        getIsWAContact: () => true,
        getUserid: ({ id }: Contact) => id.user,
        getVerifiedName: () => undefined,
        getVerifiedLevel: () => undefined,
        getStatusMute: () => false,
        getName: ({ name }: Contact) => name,
        getShortName: ({ name }: Contact) => name,
        getPushname: ({ pushname }: Contact) => pushname,
        getIsEnterprise: () => false,
      },
      WAWebFrontendContactGetters: { getIsMyContact: ({ isMyContact }: Contact) => isMyContact },
    },
  };
};
export type ContactsArea = ReturnType<typeof createContacts>;
