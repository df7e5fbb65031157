import type { Session } from "@whatsapp-engine/contract/api";
import type { QrCode } from "@whatsapp-engine/contract/runner";
import type { LiveSessions } from "../connection/index.ts";
import { standing } from "./shown.ts";
import type { SessionRow } from "./store.ts";

/** Its function throws `session_not_found`. */
export function createQr({
  live,
  required,
  shown,
}: {
  live: LiveSessions;
  required: (sessionId: string) => SessionRow;
  shown: (row: SessionRow) => Session;
}) {
  /** The code to scan, waiting for one if it is on its way; null with the reason in words where there is none. */
  return async function qr(
    sessionId: string,
    waitSeconds: number,
    signal: AbortSignal,
  ): Promise<{ session: Session; qr: QrCode } | { session: Session; qr: null; why: string }> {
    const settled = await live.waitFor(
      sessionId,
      () => {
        const row = required(sessionId);
        const qr = live.get(sessionId)?.state?.qr;
        if (row.status === "qr_ready" && qr) return { session: shown(row), qr };
        return mayShowCode(row) ? undefined : null;
      },
      { timeoutMs: waitSeconds * 1000, signal },
    );
    if (settled) return settled;
    const row = required(sessionId);
    return { session: shown(row), qr: null, why: whyNoCode(row) };
  };
}

const isLinked = ({ status }: SessionRow) => status === "connected" || status === "authenticated";

const mayShowCode = (row: SessionRow): boolean =>
  !isLinked(row) &&
  row.desired === "running" &&
  row.reason !== "passkey_required" &&
  row.reason !== "runtime_unavailable";

function whyNoCode(row: SessionRow): string {
  if (isLinked(row)) return "The session is linked already; there is nothing to scan.";
  if (row.reason === "passkey_required") return row.detail ?? "WhatsApp asks for a passkey on the phone.";
  if (row.desired === "asleep")
    return "The session is linked and hibernates; a message wakes it, without a scan.";
  if (row.reason === "runtime_unavailable")
    return "The runtime does not answer; the session comes back with it.";
  if (row.desired === "stopped")
    return `The session has ended; POST /sessions/${row.id}/start starts it again.`;
  return `No code came in time; the session is ${standing(row)}. Call again in a moment.`;
}
