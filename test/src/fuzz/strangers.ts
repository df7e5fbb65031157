import type { WhatsAppHealth } from "@whatsapp-engine/contract/api";
import { createRandom, type Random } from "../chaos/random.ts";
import { linkSession } from "../support/session.ts";
import { startStage, type Stage } from "../support/stage.ts";
import { oddAttributes, oddText, oddValue } from "./odd-values.ts";
import { isWell } from "./well.ts";

const SESSIONS = [
  { id: "a", account: "6281200000001" },
  { id: "b", account: "6281200000002" },
];
const STRANGER = "6281234567890";
const GROUP = "120363000000000001@g.us";
/** What strangers do between two looks whether all is well. */
const DOINGS_A_ROUND = 20;
/** A file that WhatsApp has is handed out within the time that the runner gives it; most answers take some milliseconds. */
const SLOW_ANSWER_MS = 20_000;
const file = { base64: Buffer.from("a file").toString("base64"), mimetype: "application/pdf" };

type Options = { seed: number; seconds: number; say: (line: string) => void };
export type Result = { doings: number; unread: WhatsAppHealth["unread"]; findings: string[] };

/**
 * Strangers send what they like, by a simulated WhatsApp, to sessions of a real engine: each field long, odd, missing, of another
 * type. After each round every session must send and receive, and at the end once more after another start, which reads it all back.
 */
export async function fuzzStrangers({ seed, seconds, say }: Options): Promise<Result> {
  const random = createRandom(seed);
  const stage = await startStage("process");
  const findings: string[] = [];
  const ends = performance.now() + seconds * 1_000;
  let doings = 0;
  try {
    for (const { id, account } of SESSIONS) {
      await linkSession(stage.engine, stage.simulator, id, account);
      const group = { subject: "Group", participants: [STRANGER] };
      await stage.simulator.control.addGroup(account, GROUP, group);
    }
    const started = stage.engine.pid;
    for (let round = 0; performance.now() < ends && findings.length === 0; round++) {
      for (const session of SESSIONS) {
        const ids = await ordinary(stage, session.account, `before round ${round}`);
        const what: string[] = [];
        for (let n = 0; n < DOINGS_A_ROUND; n++) {
          doings += 1;
          await doOne(random, stage, session, ids, what, findings);
        }
        await isWell(stage, session, STRANGER, `round ${round}`).catch((cause: unknown) =>
          findings.push(`${session.id} in round ${round}: ${String(cause)}; it had ${what.join(", ")}`),
        );
      }
      say(`round ${round}: ${doings} doings`);
    }
    for (const session of SESSIONS) {
      await stage.engine.api(`POST /sessions/${session.id}/restart`);
      await isWell(stage, session, STRANGER, "after another start").catch((cause: unknown) =>
        findings.push(`${session.id} after another start: ${String(cause)}`),
      );
    }
    if (stage.engine.pid !== started) findings.push("the engine was started again");
    const { body } = await stage.engine.api("GET /health/whatsapp");
    const { unread } = (body as unknown as { whatsapp: WhatsAppHealth }).whatsapp;
    for (const line of stage.engine.output().split("\n"))
      if (/runner is replaced|runner lost|"level":"fatal"/.test(line)) findings.push(line);
    return { doings, unread, findings };
  } finally {
    await stage.close();
  }
}

type Session = (typeof SESSIONS)[number];

/** Messages as they should be, whose ids are then used for what is done to them. */
async function ordinary({ engine, simulator }: Stage, account: string, body: string) {
  const { id } = await simulator.control.deliver(account, { from: STRANGER, body });
  const session = SESSIONS.find((one) => one.account === account)!;
  const sent = await engine.api(`POST /sessions/${session.id}/send`, { to: STRANGER, message: body });
  return { theirs: id, ours: sent.body.whatsappId ?? null };
}

async function doOne(
  random: Random,
  { engine, simulator }: Stage,
  { id: sessionId, account }: Session,
  { theirs, ours }: { theirs: string; ours: string | null },
  what: string[],
  findings: string[],
): Promise<void> {
  const { control } = simulator;
  const kind = random.pick([
    "message",
    "message",
    "message",
    "file",
    "group",
    "id",
    "ack",
    "reaction",
    "edit",
  ]);
  what.push(kind);
  switch (kind) {
    case "message":
      return void (await control.deliver(account, { from: STRANGER, odd: oddAttributes(random) }));
    case "group": {
      const odd = oddAttributes(random);
      return void (await control.deliver(account, { from: GROUP, author: STRANGER, odd }));
    }
    case "id":
      return void (await control.deliver(account, { from: STRANGER, id: oddText(random) }));
    case "file": {
      const odd = { filename: oddValue(random), mimetype: oddValue(random) };
      const message = { from: STRANGER, type: "document", media: file, odd };
      const { id } = await control.deliver(account, message);
      const begun = performance.now();
      const answer = await engine.api(`GET /sessions/${sessionId}/messages/${id}/media`);
      const ms = Math.round(performance.now() - begun);
      if (answer.status !== 200 || ms > SLOW_ANSWER_MS)
        findings.push(
          `a file was answered with ${answer.status} after ${ms} ms: ${answer.text.slice(0, 500)}`,
        );
      return;
    }
    case "ack":
      // Numbers alone cross; what is known counts, and may say that it was refused.
      if (ours !== null) await control.ack(account, ours, random.pick([5, 7, 1e9, 2.5, -7, 2 ** 53]));
      return;
    case "reaction":
      return control.react(account, theirs, { from: STRANGER, emoji: oddText(random) });
    case "edit":
      return control.edit(account, theirs, oddText(random));
  }
}
