import type { RunnerState } from "@whatsapp-engine/contract/runner";

export type Standing = Pick<RunnerState, "status" | "reason" | "detail">;

/** What a state of WhatsApp's socket means for us. */
type Meaning =
  /** On its way to or back to a connection. */
  | "starting"
  | "opening"
  | "timeout"
  /** A code was scanned; WhatsApp has not confirmed it yet. */
  | "pairing"
  /** No account; a code can be scanned. */
  | "unpaired"
  /** No account, and the codes have run out. */
  | "unpaired_idle"
  | "connected"
  /** WhatsApp refuses this account or this page. */
  | "conflict"
  | "banned"
  | "proxy_blocked"
  | "deprecated_version";

/** Every state of WhatsApp's socket that is known (whatsapp-web.js `WAState`), and what it means. */
const meanings: Readonly<Record<string, Meaning>> = {
  UNLAUNCHED: "starting",
  OPENING: "opening",
  PAIRING: "pairing",
  UNPAIRED: "unpaired",
  UNPAIRED_IDLE: "unpaired_idle",
  CONNECTED: "connected",
  TIMEOUT: "timeout",
  CONFLICT: "conflict",
  TOS_BLOCK: "banned",
  SMB_TOS_BLOCK: "banned",
  PROXYBLOCK: "proxy_blocked",
  DEPRECATED_VERSION: "deprecated_version",
};

/** The meaning of a socket state, `unknown` for one that is not listed. */
export const meaningOf = (socketState: string): Meaning | "unknown" => meanings[socketState] ?? "unknown";

export type View = {
  /** WhatsApp's name of the socket's state; null while no page told one. */
  socketState: string | null;
  /** The document has synced and the library stands in it. */
  ready: boolean;
  /** So it was before, in this document or another. */
  wasReady: boolean;
  hasQr: boolean;
  /** The phone that linked asks its owner for a passkey, and the page waits for that. */
  passkey: boolean;
  /** A code was scanned and WhatsApp turned it down; holds until the next code. */
  pairingFailed: boolean;
};

const PASSKEY =
  "WhatsApp asks for a passkey: confirm on the phone where it asks, and linking goes on. Where the phone says to go on at the other device, this account cannot be linked here for now. A restart of the session shows a new code.";

/** The public standing of a page that lives. */
export const standingOf = (view: View): Standing => {
  const { socketState, ready, wasReady, hasQr, passkey, pairingFailed } = view;
  if (socketState === null) return standing("connecting", wasReady ? "reconnecting" : "starting");
  const meaning = meaningOf(socketState);
  if (passkey && ["pairing", "unpaired", "unpaired_idle"].includes(meaning))
    return standing("qr_ready", "passkey_required", PASSKEY);
  switch (meaning) {
    case "starting":
      return standing("connecting", "starting");
    case "opening":
    case "timeout":
    case "pairing":
      return standing("connecting", wasReady ? "reconnecting" : "opening");
    case "unpaired":
    case "unpaired_idle":
      if (pairingFailed)
        return standing("auth_failed", "pairing_failed", "WhatsApp turned the pairing down.");
      return hasQr ? standing("qr_ready", null) : standing("connecting", "opening");
    case "connected":
      return ready ? standing("connected", null) : standing("authenticated", null);
    case "unknown":
      return standing("disconnected", "unknown_state", `WhatsApp is in a state named ${socketState}.`);
    default:
      return standing("disconnected", meaning, `WhatsApp is in the state ${socketState}.`);
  }
};

const standing = (
  status: Standing["status"],
  reason: Standing["reason"],
  detail: string | null = null,
): Standing => ({
  status,
  reason,
  detail,
});
