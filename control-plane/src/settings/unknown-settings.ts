import { closest, distance } from "fastest-levenshtein";
import { composeOnlyNames, settingNames } from "./config.ts";

const KNOWN = [...settingNames, ...composeOnlyNames];

/** In a file `.env` other programs' names may stand too: Compose's, Node's, proxies, the locale. */
const OTHERS =
  /^(COMPOSE|DOCKER|BUILDKIT|BUILDX|NODE|NPM|LC|SSL|OTEL)_|^(TZ|LANG|PATH|HOME|USER|DEBUG|(HTTPS?|NO|ALL)_PROXY)$/i;

/** First words that no other program's variables are known to begin with; GitHub's, for one, begin with RUNNER. */
const OURS = new Set([
  "WEBHOOK",
  "WHATSAPP",
  "RECIPIENT",
  "HIBERNATE",
  "WARM",
  "QR",
  "SEND",
  "STOP",
  "QUEUE",
  "MEDIA",
  "ACCOUNT",
]);

/** Letters that may differ: one in five, two at the most. A shorter name would be near too many others. */
const mayDiffer = (name: string) => Math.min(2, Math.floor(name.length / 5));

const plain = (name: string) => name.toUpperCase().replace(/[^A-Z0-9]/g, "");
const firstWord = (name: string) => name.toUpperCase().split("_")[0]!.replace(/S$/, "");

function nearestTo(name: string): { nearest: string; isNear: boolean } {
  const near = closest(plain(name), KNOWN.map(plain));
  const isNear = distance(plain(name), near) <= mayDiffer(plain(name));
  // One of the same kind helps more than one of the same length.
  const related = KNOWN.filter((known) => firstWord(known) === firstWord(name));
  const shown = isNear || related.length === 0 ? near : closest(plain(name), related.map(plain));
  return { nearest: KNOWN.find((known) => plain(known) === shown)!, isNear };
}

/**
 * Says of each name that looks like a setting of ours and is none that it has no effect, with the nearest setting. All
 * names of a `.env` file count as ours but those that other programs are known by; of the environment, which holds
 * hundreds of others', those that are near a setting's name or begin as only ours do.
 */
export function unknownSettings(given: {
  environment: Readonly<Record<string, string | undefined>>;
  /** Names in the `.env` file. */
  inFile: readonly string[];
}): string[] {
  const inFile = new Set(given.inFile);
  const names = new Set([...Object.keys(given.environment), ...inFile]);
  return [...names].flatMap((name) => {
    if (KNOWN.includes(name)) return [];
    if (!/^\w+$/.test(name)) return inFile.has(name) ? [unreadable(name)] : [];
    const { nearest, isNear } = nearestTo(name);
    const isOurs = inFile.has(name) ? !OTHERS.test(name) : name.includes("_") && OURS.has(firstWord(name));
    if (!isNear && !isOurs) return [];
    const hint = isNear ? `did you mean ${nearest}?` : `the nearest is ${nearest}.`;
    return [
      `${name} is not a setting of the engine and has no effect; ${hint} env.example lists all settings.`,
    ];
  });
}

/** A line without `=` runs on to the next one. Only its first word is said: what follows may be a secret. */
const unreadable = (name: string) =>
  `A line of the .env file that begins with "${/\w*/.exec(name.trimStart())![0]}" is not NAME=value; it has no effect, nor has what it runs on to.`;
