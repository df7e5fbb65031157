import ipaddr from "ipaddr.js";
import type { Clock } from "../../lib/clock.ts";

/** Calls of one address are counted over this time. */
const WINDOW_MS = 60_000;
/** Addresses remembered at once; beyond it the one that called least lately is forgotten. */
const MAX_ADDRESSES = 10_000;

/** Counts calls by whom they come from, a minute at a time. */
export function createStrangers({
  clock,
  maxAddresses = MAX_ADDRESSES,
}: {
  clock: Clock;
  maxAddresses?: number;
}) {
  const known = new Map<string, { count: number; since: number }>();

  return {
    /** `count`: calls of this minute, with this one; `before`: those of the minute before that are told of by nobody yet. */
    note(clientIp: string): { count: number; before: number; retryAfterSeconds: number } {
      const network = networkOf(clientIp);
      const now = clock.now();
      const last = known.get(network);
      const goesOn = last !== undefined && now >= last.since && now - last.since < WINDOW_MS;
      const entry = goesOn ? { ...last, count: last.count + 1 } : { count: 1, since: now };
      known.delete(network);
      known.set(network, entry);
      if (known.size > maxAddresses) known.delete(known.keys().next().value as string);
      return {
        count: entry.count,
        before: goesOn ? 0 : (last?.count ?? 1) - 1,
        retryAfterSeconds: Math.ceil((entry.since + WINDOW_MS - now) / 1000),
      };
    },
  };
}

/** An address of IPv4; of IPv6 the first 64 bits, as whoever has one has all that begin so. */
export function networkOf(clientIp: string): string {
  if (!ipaddr.isValid(clientIp)) return clientIp;
  const address = ipaddr.process(clientIp);
  if (address instanceof ipaddr.IPv4) return address.toString();
  return address.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(":");
}
