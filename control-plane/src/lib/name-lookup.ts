import { NOTFOUND, TIMEOUT, promises as dns } from "node:dns";
import { readFile } from "node:fs/promises";
import { isIP, type LookupFunction } from "node:net";
import { callbackify } from "node:util";

type Address = { address: string; family: 4 | 6 };
type Family = 0 | 4 | 6;

/** A name that is not resolved by then is not: about what the system's own takes for one server that does not answer. */
const DEADLINE_MS = 5_000;
/** First time-out of a question; it is asked once more. */
const QUESTION_MS = 1_500;
const HOSTS = "/etc/hosts";

/**
 * Resolves names by asking the name servers itself, after the hosts file. The system's `getaddrinfo` takes one of the few threads that
 * files are read and written by, for up to 20 s where a name server does not answer: 20 such names held up everything for 100 s. What it
 * does not do: search domains of `resolv.conf`, and sources other than these two. `servers`: the system's, unless given.
 */
export function createNameLookup({
  servers,
  hostsFile = HOSTS,
  deadlineMs = DEADLINE_MS,
}: { servers?: readonly string[]; hostsFile?: string; deadlineMs?: number } = {}): LookupFunction {
  async function resolve(name: string, family: Family): Promise<Address[]> {
    const known = await inHosts(hostsFile, name, family);
    if (known.length > 0) return known;
    // One for each name: a resolver is given up as a whole.
    const resolver = new dns.Resolver({ timeout: Math.min(QUESTION_MS, deadlineMs), tries: 2 });
    if (servers) resolver.setServers(servers);
    const deadline = setTimeout(() => resolver.cancel(), deadlineMs);
    try {
      const [four, six] = await Promise.allSettled([
        family === 6 ? [] : resolver.resolve4(name),
        family === 4 ? [] : resolver.resolve6(name),
      ]);
      const found = [...addressesOf(four, 4), ...addressesOf(six, 6)];
      if (found.length > 0) return found;
      const timedOut = [four, six].some((result) => result.status === "rejected" && isSilence(result.reason));
      throw failure(name, timedOut ? TIMEOUT : NOTFOUND);
    } finally {
      clearTimeout(deadline);
    }
  }

  const lookup = callbackify(resolve);
  return (hostname, options, callback) => {
    const { family = 0, all } = options;
    const wanted: Family = family === 4 || family === "IPv4" ? 4 : family === 6 || family === "IPv6" ? 6 : 0;
    lookup(hostname, wanted, (error, found) => {
      if (error) callback(error, []);
      else if (all === true) callback(null, found);
      else callback(null, found[0]!.address, found[0]!.family);
    });
  };
}

const addressesOf = (result: PromiseSettledResult<string[]>, family: 4 | 6): Address[] =>
  result.status === "fulfilled" ? result.value.map((address) => ({ address, family })) : [];

/** Nobody said that there is no such name. */
const isSilence = (error: unknown): boolean =>
  ["ETIMEOUT", "ECANCELLED", "ECONNREFUSED", "ESERVFAIL", "EREFUSED"].includes(
    (error as NodeJS.ErrnoException).code ?? "",
  );

const failure = (name: string, code: string) =>
  Object.assign(new Error(`The name ${name.slice(0, 253)} could not be resolved (${code}).`), {
    code,
    syscall: "resolve",
    hostname: name,
  });

/** Read each time: Docker and administrators write it while we run. */
async function inHosts(file: string, name: string, family: Family): Promise<Address[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  const wanted = name.toLowerCase().replace(/\.$/, "");
  const found: Address[] = [];
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.split("#", 1)[0]!.trim().toLowerCase().split(/\s+/);
    const kind = isIP(address) as Family;
    if (kind !== 0 && (family === 0 || family === kind) && names.includes(wanted))
      found.push({ address, family: kind });
  }
  return found;
}
