import type { Random } from "../chaos/random.ts";

/** Ids that belong together, such as a message's and its session's. */
type Ids = Readonly<Record<string, string>>;

const NAMES = [
  "sessionId",
  "messageId",
  "whatsappId",
  "bulkId",
  "webhookId",
  "deliveryId",
  "nextCursor",
  "position",
];
/** Of each combination of names. */
const KEPT = 60;

export type Known = ReturnType<typeof createKnown>;

/** What answers told of: ids, with those that they stood beside. */
export function createKnown() {
  const byNames = new Map<string, Ids[]>();

  function keep(ids: Ids): void {
    const names = Object.keys(ids).toSorted().join(" ");
    const kept = byNames.get(names) ?? [];
    kept.push(ids);
    if (kept.length > KEPT) kept.shift();
    byNames.set(names, kept);
  }

  function learn(value: unknown, around: Ids): void {
    if (Array.isArray(value)) for (const one of value.slice(0, KEPT)) learn(one, around);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return;
    const own = Object.entries(value).flatMap(([name, one]) =>
      NAMES.includes(name) && (typeof one === "string" || typeof one === "number")
        ? [[name, String(one)]]
        : [],
    );
    const ids: Ids = { ...around, ...Object.fromEntries(own) };
    if (own.length > 0) keep(ids);
    for (const one of Object.values(value)) if (typeof one === "object") learn(one, ids);
  }

  return {
    /** `around`: the ids that were asked with. */
    learn,
    /** No longer picks what has this id. */
    forget(id: string): void {
      for (const [names, kept] of byNames)
        byNames.set(
          names,
          kept.filter((ids) => !Object.values(ids).includes(id)),
        );
    },
    /** Ids with all of these names; undefined where none are known. */
    pick(random: Random, names: readonly string[]): Ids | undefined {
      const fitting = [...byNames].filter(
        ([key, kept]) => kept.length > 0 && names.every((name) => key.split(" ").includes(name)),
      );
      return fitting.length === 0 ? undefined : random.pick(random.pick(fitting)[1]);
    },
  };
}
