import { randomUUID } from "node:crypto";
import { encodeSend } from "@whatsapp-engine/contract/runner";
import { query } from "@whatsapp-engine/test/support/database.js";
import type { Engine } from "@whatsapp-engine/test/support/engine.js";
import { callerOf, type Caller } from "./caller.ts";
import { connectAll, countMessages, sessionId } from "./outbox-engine.ts";
import { progress } from "./progress.ts";
import { summarise, timed, timedMany, type Summary } from "./statistics.ts";

const CALLS = 1_000;
/** Calls before those that count, for the compiler and the caches. */
const WARM_UP = 300;
const PAGES = 100;
/** How long the full line is watched while it goes out. */
const DRAIN_MS = 10_000;
/** Some read all messages there are. */
const LOOKS = 5;
const RECIPIENT = "6281100000000";

/** So short that the database has so many of them from the start. */
const PAGE_OF = {
  "newest 20 messages": "?limit=20",
  "newest 20 that failed": "?limit=20&status=failed",
  "newest 20 to one recipient": `?limit=20&to=${RECIPIENT}`,
};

const VIEWS = {
  session_overview: "select * from session_overview",
  "message_overview, newest 100": "select * from message_overview limit 100",
  backlog: "select * from backlog",
  outcome_by_day: "select * from outcome_by_day",
  "unknown_messages, newest 100": "select * from unknown_messages limit 100",
  webhook_health: "select * from webhook_health",
};

async function warmAndTime(work: (n: number) => Promise<unknown>): Promise<Summary> {
  await timedMany(WARM_UP, 1, work);
  return summarise((await timedMany(CALLS, 1, work)).each);
}

/** A send as the control plane hands it over, to a stub. */
export const measureDirect = (stub: Caller, text: string) =>
  warmAndTime((n) => {
    const message = { messageId: randomUUID(), to: RECIPIENT, type: "text" as const, text: text + n };
    return stub(
      "POST",
      "/send",
      200,
      encodeSend({ ...message, content: null, media: null, timeoutMs: 17_000 }),
    );
  });

/** A send whose caller waits for the outcome. */
export function measureSync(engine: Engine, text: string): Promise<Summary> {
  const call = callerOf(engine);
  return warmAndTime((n) =>
    call("POST", `/sessions/${sessionId(n)}/send`, 200, { to: RECIPIENT, message: text + n }),
  );
}

function accepting(engine: Engine, text: string) {
  const call = callerOf(engine);
  return (n: number) => {
    const to = `6281${String(n).padStart(8, "0")}`;
    return call("POST", `/sessions/${sessionId(n)}/send`, 202, { to, message: text + n, async: true });
  };
}

/** What an application and an administrator wait for while nothing goes out, at the size that the database has. */
export async function measureLatencies(engine: Engine, text: string): Promise<Map<string, Summary>> {
  const call = callerOf(engine);
  const found = new Map<string, Summary>();
  progress("accepting one after the other");
  found.set("accept a message", await warmAndTime(accepting(engine, text)));
  for (const [what, search] of Object.entries(PAGE_OF)) {
    progress(what);
    const get = (n: number) => call("GET", `/sessions/${sessionId(n)}/messages${search}`, 200);
    found.set(what, summarise((await timedMany(PAGES, 1, get)).each));
  }
  for (const [view, sql] of Object.entries(VIEWS)) {
    progress(`view ${view}`);
    const look = async () => query(engine.dataDir, sql);
    found.set(`view ${view}`, summarise((await timedMany(LOOKS, 1, look)).each));
  }
  return found;
}

/** Connects all sessions, and accepts one message after the other while what waits in line goes out. */
export async function measureDrain(engine: Engine, text: string) {
  const sent = () => countMessages(engine)["sent"] ?? 0;
  const accept = accepting(engine, text);
  await connectAll(engine);
  progress("the full line goes out");
  const before = sent();
  const each: number[] = [];
  const ms = await timed(async () => {
    const end = performance.now() + DRAIN_MS;
    while (performance.now() < end) each.push(await timed(() => accept(each.length)));
  });
  return { sentPerSecond: ((sent() - before) / ms) * 1000, accept: summarise(each) };
}
