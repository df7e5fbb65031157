import { createHash } from "node:crypto";
import type { Settings } from "./settings.ts";
import type { Listing } from "./wire.ts";

/** Digits of a number in any usual form, or of a chat id. */
export const digitsOf = (id: string): string => id.replace(/@.*/, "").replace(/\D/g, "");

/** A person, by number or LID; not a group, nor a post to everyone. */
export const isPerson = (id: string): boolean => /@(c\.us|lid)$/.test(id);

/** Who is on WhatsApp, and under which LID. */
export const createDirectory = (settings: Settings) => {
  const registered = new Map<string, boolean>();
  const lids = new Map<string, string>();
  const numbers = new Map<string, string>();

  const setLid = (phoneNumber: string, lid: string): string => {
    lids.set(phoneNumber, lid);
    numbers.set(lid, phoneNumber);
    return lid;
  };

  /** Made from the number, so that a number has the same LID in every run. */
  const madeUpLid = (phoneNumber: string): string => {
    const hash = createHash("sha256").update(phoneNumber).digest().readBigUInt64BE();
    return String(100_000_000_000_000n + (hash % 900_000_000_000_000n));
  };

  const lidOf = (phoneNumber: string): string =>
    lids.get(phoneNumber) ?? setLid(phoneNumber, madeUpLid(phoneNumber));

  return {
    lidOf,
    setLid,
    register: (number: string, isRegistered: boolean) => {
      registered.set(digitsOf(number), isRegistered);
    },
    /** The listing of `…@c.us` or `…@lid`; null for who is not on WhatsApp. */
    find: (id: string): Listing | null => {
      const digits = digitsOf(id);
      const phoneNumber = id.endsWith("@lid") ? numbers.get(digits) : digits;
      if (phoneNumber === undefined || !(registered.get(phoneNumber) ?? settings.registeredByDefault))
        return null;
      const [pn, lid] = [`${phoneNumber}@c.us`, `${lidOf(phoneNumber)}@lid`];
      return { pn, lid, chat: settings.lids === "chat" ? lid : pn };
    },
  };
};
export type Directory = ReturnType<typeof createDirectory>;
