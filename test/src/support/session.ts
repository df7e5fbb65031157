import type { Simulator } from "@whatsapp-engine/simulator";
import type { Body } from "./api.ts";
import type { Engine } from "./engine.ts";
import { readQrCode } from "./qr-code.ts";
import { until } from "./until.ts";

/** Whatever answers the API, however it was started. */
type Answering = Pick<Engine, "api">;

export type Expected = { status: string; reason?: string | null };

/** Asks for the session's status until it is the expected one. */
export async function waitForStatus(
  engine: Answering,
  sessionId: string,
  expected: string | Expected,
  timeoutMs = 60_000,
): Promise<Body> {
  const wanted: Expected = typeof expected === "string" ? { status: expected } : expected;
  let last: Body = {};
  return until(
    `session ${sessionId} to be ${wanted.status}${wanted.reason ? `/${wanted.reason}` : ""}`,
    async () => {
      last = (await engine.api(`GET /sessions/${sessionId}/status`)).body;
      const reasonFits = wanted.reason === undefined || last.reason === wanted.reason;
      return last.status === wanted.status && reasonFits ? last : undefined;
    },
    { timeoutMs, seen: () => last },
  );
}

/** The code that the session shows, read from its picture. */
export async function readQr(engine: Answering, sessionId: string): Promise<string> {
  let last: Body = {};
  const png = await until(
    `a QR code of session ${sessionId}`,
    async () => {
      const answer = await engine.api(`GET /sessions/${sessionId}/qr?format=png`);
      last = answer.body;
      return answer.status === 200 ? answer.bytes : undefined;
    },
    { timeoutMs: 60_000, seen: () => last },
  );
  return readQrCode(png);
}

/** Scans the session's code with the phone of an account. */
export async function scan(engine: Answering, simulator: Simulator, sessionId: string, phoneNumber: string) {
  return simulator.control.scan(await readQr(engine, sessionId), { phoneNumber });
}

/** Create, read the code, scan it, be connected. */
export async function linkSession(
  engine: Answering,
  simulator: Simulator,
  sessionId: string,
  phoneNumber: string,
): Promise<Body> {
  await engine.api("POST /sessions/create", { sessionId, phoneNumber });
  await scan(engine, simulator, sessionId, phoneNumber);
  return waitForStatus(engine, sessionId, "connected");
}

/** What WhatsApp's server took from an account for a recipient, as `type body`. */
export async function takenBy(simulator: Simulator, account: string, to: string) {
  const sent = await simulator.control.sent(account);
  return sent.filter((message) => message.to === `${to}@c.us`);
}
