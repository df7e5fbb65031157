import { setMaxListeners } from "node:events";
import { restoreBackup } from "@whatsapp-engine/test/support/backup.js";
import { createApi } from "@whatsapp-engine/test/support/api.js";
import { Pool } from "undici";

/* The others of `crowd.ts`, as a program of their own. Ends when it is told to. */

export type Crowd = {
  url: string;
  apiKey: string;
  /** Callers without a key, each of which calls again as soon as it has its answer. */
  keyless: number;
  /** Open streams of events, which are read. */
  readers: number;
  /** Session that is stopped, and whose login is restored, one time after the other. */
  restored: string;
  /** Its backup, in base64. */
  backup: string;
};

const ending = new AbortController();
setMaxListeners(0, ending.signal);
const counts = { keyless: 0, events: 0, restores: 0 };

async function callWithoutKey({ url }: Crowd): Promise<void> {
  const pool = new Pool(url, { connections: 1 });
  while (!ending.signal.aborted) {
    const { body } = await pool.request({ method: "GET", path: "/sessions", signal: ending.signal });
    await body.dump();
    counts.keyless++;
  }
}

async function read({ url, apiKey }: Crowd, onOpen: () => void): Promise<void> {
  const pool = new Pool(url, { connections: 1, bodyTimeout: 0 });
  const { body, statusCode } = await pool.request({
    method: "GET",
    path: "/events",
    headers: { "X-API-Key": apiKey, Accept: "text/event-stream" },
    signal: ending.signal,
  });
  if (statusCode !== 200) throw new Error(`A reader was answered with ${statusCode}.`);
  onOpen();
  for await (const chunk of body) counts.events += String(chunk).split("\nid: ").length - 1;
}

async function restore({ url, apiKey, restored, backup }: Crowd): Promise<void> {
  const api = createApi(() => url, apiKey);
  const file = Buffer.from(backup, "base64");
  while (!ending.signal.aborted) {
    await api(`POST /sessions/${restored}/stop`);
    const { status, text } = await restoreBackup({ api }, restored, file);
    if (status !== 200) throw new Error(`A restore was answered with ${status} ${text}`);
    counts.restores++;
  }
}

const isEnd = (error: unknown) => {
  if (!ending.signal.aborted) throw error;
};

process.once("message", async (crowd: Crowd) => {
  let open = 0;
  const all = new Promise<void>((resolve) => {
    const opened = () => void (++open === crowd.readers && resolve());
    for (let reader = 0; reader < crowd.readers; reader++) read(crowd, opened).catch(isEnd);
  });
  await all;
  for (let caller = 0; caller < crowd.keyless; caller++) callWithoutKey(crowd).catch(isEnd);
  const restoring = restore(crowd).catch(isEnd);
  process.send!("begun");
  process.once("message", async () => {
    ending.abort();
    await restoring;
    process.send!(counts, () => process.exit());
  });
});
