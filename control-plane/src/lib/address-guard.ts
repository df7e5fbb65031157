import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { createNameLookup } from "./name-lookup.ts";

/** An address that is not called. `message` goes after the name of the field that holds it. */
export class AddressRefused extends Error {
  override readonly name = "AddressRefused";
}

/** Only ordinary unicast addresses of the internet; IPv4 inside IPv6 counts as what it holds. */
export const isPublicAddress = (address: string): boolean => ipaddr.process(address).range() === "unicast";

/**
 * Keeps callers out of our own network: `check` before a call, and `lookup` as each connection is made, so that a name
 * cannot point elsewhere in between. `setting`: the one that permits private addresses.
 */
export function createAddressGuard({
  permits,
  setting,
}: {
  permits: (address: string) => boolean;
  setting: string;
}) {
  const lookup = createNameLookup();
  const refusal = () =>
    new AddressRefused(`points to a private or local address; ${setting}=true permits that`);

  return {
    /** The address, if it is complete and may be called as far as can be told without a name's resolution. Throws `AddressRefused`. */
    check(text: string, base?: URL): URL {
      const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : undefined;
      if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
        throw new AddressRefused("must be a complete http or https address");
      }
      if (url.username !== "" || url.password !== "") {
        throw new AddressRefused("must not hold a user name or password");
      }
      const host = url.hostname.replace(/^\[|\]$/g, "");
      if (isIP(host) !== 0 && !permits(host)) throw refusal();
      return url;
    },

    /** Name resolution that hands on nothing if one of the answers is not permitted. */
    lookup: ((hostname, options, callback) => {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (!Array.isArray(addresses)) throw new TypeError("All addresses were asked for.");
        const failed = error ?? (addresses.every(({ address }) => permits(address)) ? null : refusal());
        if (failed || options.all === true) return callback(failed, addresses);
        return callback(null, addresses[0]?.address ?? "", addresses[0]?.family);
      });
    }) as LookupFunction,
  };
}
