import { setTimeout as delay } from "node:timers/promises";
import type { Event } from "@whatsapp-engine/contract/api";
import { waitForStatus } from "../support/session.ts";
import type { Stage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** Throws unless the session, within half a minute, hears from the friend and sends to them. */
export async function isWell(
  { engine, simulator }: Stage,
  { id, account }: { id: string; account: string },
  friend: string,
  when: string,
): Promise<void> {
  await waitForStatus(engine, id, "connected");
  const { body: page } = await engine.api(`GET /sessions/${id}/events?limit=1000&types=message.received`);
  const { position } = page as unknown as { position: number };
  const text = `all is well ${when}`;
  await simulator.control.deliver(account, { from: friend, body: text });
  let after = position;
  await until("an ordinary message to come in", async () => {
    const { body } = await engine.api(
      `GET /sessions/${id}/events?after=${after}&limit=1000&types=message.received`,
    );
    const told = body as unknown as { events: Event[]; position: number };
    after = told.position;
    return told.events.some(({ data }) => "body" in data && data.body === text);
  });
  // Right after a start the session is told of as connected a moment before its page can send.
  const sent = await until("a message to be taken", async () => {
    const answer = await engine.api(`POST /sessions/${id}/send`, { to: friend, message: text });
    if (answer.status === 409) await delay(100);
    return answer.status !== 409 && answer;
  });
  if (sent.status !== 200) throw new Error(`a message was answered with ${sent.status}: ${sent.text}`);
}
