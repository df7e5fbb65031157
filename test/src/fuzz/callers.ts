import { setTimeout as delay } from "node:timers/promises";
import { createRandom } from "../chaos/random.ts";
import type { Document } from "../support/document.ts";
import { heldNodeArgs } from "../support/held.ts";
import { heldMs, measuredNodeArgs } from "../support/loop.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { grown, lostOf, memoryOf, waiting, type Memory } from "./afterwards.ts";
import { createCalls, type Told } from "./call.ts";
import { createJudge, FETCH_SECONDS, SEND_SECONDS } from "./judge.ts";
import { createKnown } from "./known.ts";
import { startPlaces } from "./places.ts";
import { createRequests, type Made } from "./requests.ts";
import { isWell } from "./well.ts";

const SESSIONS = [
  { id: "linked-1", account: "6281200000001" },
  { id: "linked-2", account: "6281200000002" },
];
const SPARE = { id: "spare-0", account: "6281200000003" };
const PEOPLE = Array.from({ length: 24 }, (_, at) => `62812000010${String(at).padStart(2, "0")}`);
const SUPPRESSED = PEOPLE.slice(-3);
/** Nobody else writes to or of them. */
const FRIEND = "6281234567890";
const AT_ONCE = 8;
/** Of the requests; after it the engine's memory is looked at first. */
const WARM_UP = 0.25;
/** On spare sessions, one in so many, as each may take a browser's start; and webhooks, of which each is told of all. */
const SPARE_SHARE = 80;
const WEBHOOK_SHARE = 500;
/** Between two looks whether the engine answers at once. */
const LOOK_MS = 100;
/** Ten times what one call may hold the event loop for. */
const MOST_HELD_MS = 500;
/** Of nineteen in twenty looks; seen: 60 ms, and 1,700 ms where ten others wanted each processor. What is held by the engine itself, the loop tells. */
const MOST_HEALTH_MS = 3_000;
/** More say no more. */
const MOST_FINDINGS = 50;
/** As long as all that waits may take once the last call is over. */
const SETTLED_MS = 120_000;

type Options = { seed: number; requests: number; say: (line: string) => void };
export type Result = {
  findings: string[];
  /** How often each call was answered with each status. */
  answers: Map<string, Map<number, number>>;
  healthP95Ms: number;
  heldMs: number;
  memory: Memory[];
  accepted: number;
};

/**
 * Callers send requests that the OpenAPI document takes, and others, to a real engine whose sessions are linked to a simulated
 * WhatsApp. Each answer must be one that the document has, in time; in the end nothing that was accepted is lost, memory has not
 * grown, and each session sends and receives.
 */
export async function fuzzCallers({ seed, requests, say }: Options): Promise<Result> {
  const places = await startPlaces();
  const stage = await startStage(
    "process",
    {
      SEND_TIMEOUT_SECONDS: String(SEND_SECONDS),
      MEDIA_FETCH_TIMEOUT_SECONDS: String(FETCH_SECONDS),
      MEDIA_URL_ALLOW_PRIVATE: "true",
      WEBHOOK_ALLOW_PRIVATE: "true",
      RATE_LIMIT_WITHOUT_KEY: "0",
      RATE_LIMIT_WRONG_KEY: "0",
      MAX_SESSIONS: "5",
      STOP_WORDS: "STOP",
    },
    { nodeArgs: [...measuredNodeArgs, ...heldNodeArgs.controlPlane] },
  );
  try {
    return await fuzz(stage, places, { seed, requests, say });
  } finally {
    await stage.close();
    await places.close();
  }
}

async function fuzz(
  stage: Stage,
  places: Awaited<ReturnType<typeof startPlaces>>,
  { seed, requests, say }: Options,
): Promise<Result> {
  const { engine, simulator } = stage;
  for (const { id, account } of [...SESSIONS, SPARE]) await linkSession(engine, simulator, id, account);
  const document = (await engine.api("GET /openapi.json")).body as unknown as Document;
  const known = createKnown();
  const backups: Buffer[] = [];
  const { judge } = createJudge(document);
  const made = createRequests(
    document,
    known,
    {
      linked: SESSIONS.map(({ id }) => id),
      spare: [SPARE.id, "spare-1", "spare-2"],
      spareCalls: Math.ceil(requests / SPARE_SHARE),
      webhooks: Math.ceil(requests / WEBHOOK_SHARE),
    },
    { ...places, backups, apiKey: engine.apiKey, people: PEOPLE, suppressed: SUPPRESSED },
  );
  const calls = createCalls(engine.url);
  const findings: string[] = [];
  const kinds = new Set<string>();
  const accepted = new Set<string>();
  const answers: Result["answers"] = new Map();
  const started = engine.pid;

  function note(request: Made, told: Told): void {
    const { operation, ids, method } = request;
    const name = `${operation.method} ${operation.path}`;
    const statuses = answers.get(name) ?? new Map<number, number>();
    answers.set(name, statuses.set(told.status, (statuses.get(told.status) ?? 0) + 1));
    for (const { kind, text } of judge(request, told))
      if (!kinds.has(kind) && kinds.add(kind)) findings.push(text);
    const last = Object.entries(ids).findLast(([id]) => id !== "sessionId")?.[1];
    if (told.status === 404 && last !== undefined) known.forget(last);
    if (told.status === 200 && operation.path.endsWith("/backup")) backups.splice(0, 1, told.bytes);
    if (told.status >= 300 || told.type !== "application/json" || told.bytes.length === 0) return;
    const body: unknown = JSON.parse(told.bytes.toString());
    known.learn(body, ids);
    if (method === "POST" && /\/(send|send-simple|send-media|bulk|retry)$/.test(operation.path))
      for (const [, id] of told.bytes.toString().matchAll(/"messageId":"([^"]+)"/g)) accepted.add(id!);
  }

  let next = 0;
  async function upTo(end: number): Promise<void> {
    const worker = async () => {
      while (next < end && findings.length < MOST_FINDINGS) {
        const n = next++;
        const request = made.next(createRandom(seed * 1_000_003 + n));
        const told = await calls.call(request).catch((error: unknown) => {
          if (!isTooLong(request))
            findings.push(`${request.method} ${request.path.slice(0, 300)}: no answer, ${String(error)}`);
          return null;
        });
        if (told) note(request, told);
        if ((n + 1) % 1_000 === 0) say(`${n + 1} requests, ${accepted.size} messages accepted`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  const ended = new AbortController();
  const looks = lookAtHealth(stage, ended.signal, findings);
  const memory: Memory[] = [];
  let longest = 0;
  try {
    await heldMs(engine); // by its own start
    for (const end of [Math.ceil(requests * WARM_UP), requests]) {
      await upTo(end);
      longest = Math.max(longest, await heldMs(engine));
      memory.push(await memoryOf(stage));
    }
  } catch (error) {
    findings.push(`${String(error)}; the engine said last: ${engine.output().slice(-3_000)}`);
  } finally {
    ended.abort();
    calls.close();
  }
  const took = (await looks).toSorted((a, b) => a - b);
  const healthP95Ms = took[Math.floor(took.length * 0.95)] ?? 0;
  const result = { findings, answers, healthP95Ms, heldMs: longest, memory, accepted: accepted.size };
  if (memory.length < 2) return result;
  if (engine.pid !== started) findings.push("the engine was started again");
  for (const { id } of SESSIONS)
    await until(`what was accepted for ${id} to be settled`, () => waiting(stage, id) === 0, {
      timeoutMs: SETTLED_MS,
      seen: () => waiting(stage, id),
    }).catch((error: unknown) => findings.push(String(error)));
  for (const when of ["at the end", "after another start"]) {
    if (when === "after another start") await engine.restart();
    for (const session of SESSIONS)
      await isWell(stage, session, FRIEND, when).catch((error: unknown) =>
        findings.push(`${session.id} ${when}: ${String(error)}`),
      );
  }
  findings.push(...(await lostOf(stage, SESSIONS, accepted)), ...grown(memory));
  if (longest > MOST_HELD_MS) findings.push(`the event loop was held for ${longest} ms`);
  if (healthP95Ms > MOST_HEALTH_MS) findings.push(`GET /health took ${healthP95Ms} ms in one of twenty`);
  for (const line of engine.output().split("\n"))
    if (/runner lost|"level":"fatal"/.test(line)) findings.push(line);
  return result;
}

/** Node refuses such a line with its headers before it has read the body, and may be gone before that was sent. */
const isTooLong = ({ path, headers }: Made): boolean => path.length + JSON.stringify(headers).length > 12_000;

/** For how many milliseconds each look waited for its answer. */
async function lookAtHealth({ engine }: Stage, signal: AbortSignal, findings: string[]): Promise<number[]> {
  const took: number[] = [];
  while (!signal.aborted) {
    const begun = performance.now();
    await engine.api("GET /health").catch((error: unknown) => {
      if (!signal.aborted) findings.push(`GET /health had no answer: ${String(error)}`);
    });
    took.push(Math.round(performance.now() - begun));
    await delay(LOOK_MS);
  }
  return took;
}
