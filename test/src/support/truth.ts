import type { Simulator } from "@whatsapp-engine/simulator";
import { query, type Row } from "./database.ts";
import { until } from "./until.ts";

/** What is not as it was promised, each in a sentence. */
export type Findings = {
  /** Messages that WhatsApp took more than once. */
  doubled: string[];
  /** Rows and events that say what did not happen, or leave out what did. */
  lies: string[];
};

const WENT_OUT = ["sent", "delivered", "read"];
const DID_NOT = ["queued", "failed", "expired", "cancelled"];

/** Resolves when no message waits or is under way any more. */
export const allSettled = (dataDir: string, timeoutMs = 60_000): Promise<unknown> => {
  const open = () => query(dataDir, "select id, status from messages where status in ('queued', 'sending')");
  return until("every message to be settled", () => open().length === 0, { timeoutMs, seen: open });
};

/** Compares an engine's database with what WhatsApp took. Every message has to have a text of its own. */
export async function findLies(dataDir: string, simulator: Simulator): Promise<Findings> {
  const taken = groupBy(await simulator.control.sent(), ({ body }) => body);
  const rows = query(dataDir, "select * from messages order by position");
  const texts = new Set(rows.map(({ body }) => String(body)));
  const doubled = [...taken]
    .filter(([, messages]) => messages.length > 1)
    .map(([body, messages]) => `'${body}' went out ${messages.length} times`);
  const strays = [...taken.keys()]
    .filter((body) => !texts.has(body))
    .map((body) => `'${body}' went out without a row`);
  const wrong = rows.flatMap((row) => {
    const [message] = taken.get(String(row["body"])) ?? [];
    const { status, body, recipient, whatsapp_id: whatsappId } = row;
    const what = `'${body}' is ${status}`;
    if (message === undefined) return WENT_OUT.includes(String(status)) ? [`${what} and never went out`] : [];
    if (DID_NOT.includes(String(status))) return [`${what} and went out`];
    if (message.to !== `${recipient}@c.us`) return [`${what} and went to ${message.to}, not ${recipient}`];
    if (WENT_OUT.includes(String(status)) && message.id !== whatsappId)
      return [`${what} as ${whatsappId}, and went out as ${message.id}`];
    return [];
  });
  const order = overtakings(rows, [...taken.keys()]);
  return { doubled, lies: [...strays, ...wrong, ...order, ...eventLies(dataDir, rows)] };
}

/** First in, first out per chat: `rows` in the order of the line, `taken` in that of going out. */
function overtakings(rows: readonly Row[], taken: readonly string[]): string[] {
  const place = new Map(taken.map((body, index) => [body, index]));
  const chats = groupBy(
    rows.filter(({ body }) => place.has(String(body))),
    ({ session_id: session, recipient }) => `${session} ${recipient}`,
  );
  return [...chats.values()].flatMap((chat) =>
    chat.flatMap(({ body }, index) => {
      const before = chat[index - 1];
      if (before === undefined || place.get(String(before["body"]))! < place.get(String(body))!) return [];
      return [`'${body}' went out before '${before["body"]}', to the same chat`];
    }),
  );
}

function eventLies(dataDir: string, messages: readonly Row[]): string[] {
  const events = query(dataDir, "select session_id, seq, type, data from events order by id").map((row) => ({
    session: String(row["session_id"]),
    seq: Number(row["seq"]),
    type: String(row["type"]),
    data: JSON.parse(String(row["data"])) as Record<string, unknown>,
  }));
  const gaps = [...groupBy(events, ({ session }) => session)].flatMap(([session, own]) =>
    own.every(({ seq }, index) => seq === index + 1) ? [] : [`the events of ${session} have gaps`],
  );
  const told = events.filter(({ type }) => type === "message.status");
  const twice = (what: string, keys: string[]) =>
    [...groupBy(keys, (key) => key)]
      .filter(([, same]) => same.length > 1)
      .map(([key, same]) => `${what} ${key} stands ${same.length} times among the events`);
  const last = new Map(told.map(({ data }) => [data["messageId"], data["status"]]));
  const untold = messages
    .filter(({ id, status }) => status !== "queued" && status !== "sending" && last.get(id) !== status)
    .map(({ id, body, status }) => `'${body}' is ${status}, and its last event says ${String(last.get(id))}`);
  return [
    ...gaps,
    ...twice(
      "status",
      told.map(({ data }) => `${String(data["messageId"])} ${String(data["status"])}`),
    ),
    ...twice(
      "inbound message",
      events.filter(({ type }) => type === "message.received").map(({ data }) => String(data["whatsappId"])),
    ),
    ...untold,
  ];
}

function groupBy<T, K>(all: readonly T[], keyOf: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return groups;
}
