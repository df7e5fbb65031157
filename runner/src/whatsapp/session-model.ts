import type { Account, RunnerState } from "@whatsapp-engine/contract/runner";
import type { Cause } from "./ladder.ts";
import { noCodes, type QrCodes } from "./qr-codes.ts";
import { meaningOf, type Standing, type View } from "./states.ts";

/*
 * The words of a session: what it knows, what it hears (signals) and what is done about that (effects).
 */

/** All that a session knows of its page and its login. */
export type Model = View & {
  /** The number of the page's document; a new one begins without what the last one knew. */
  document: number;
  /** The status that was published last. */
  status: RunnerState["status"];
  codes: QrCodes;
  /** A code was shown since the page was last linked, so that it can have been scanned. */
  scannable: boolean;
  /** A scan is not decided yet. */
  pairing: boolean;
  /** A code that came while the last scan was not decided, or while a passkey was awaited. */
  heldCode: string | null;
  /** The socket was connected in this document. */
  wasConnected: boolean;
  /** Somebody wants the codes: they are not shown for ever. */
  claimed: boolean;
  /** The time to scan a code runs. */
  expiring: boolean;
  /** Since when there is a login in the profile, as ISO 8601; null: there is none. */
  linkedAt: string | null;
  /** The page left as after an unlinking; the next document shows whether there is a login still. */
  inDoubt: boolean;
  /** Until when the login may not be on the disk; milliseconds since 1970. */
  freshUntil: number;
  /** It ends; nothing counts any more. */
  ended: boolean;
};

export const initialModel: Model = {
  socketState: null,
  ready: false,
  wasReady: false,
  hasQr: false,
  passkey: false,
  pairingFailed: false,
  document: 0,
  status: "connecting",
  codes: noCodes,
  scannable: false,
  pairing: false,
  heldCode: null,
  wasConnected: false,
  claimed: false,
  expiring: false,
  linkedAt: null,
  inDoubt: false,
  freshUntil: 0,
  ended: false,
};

export type TimerName = "ready" | "connect" | "unpaired" | "expiry" | "next_code";

export type Signal =
  /** What the profile says before the page is opened. */
  | { type: "profile_read"; linkedAt: string | null; claimed: boolean }
  | { type: "claimed" }
  /** WhatsApp's own name of the socket's state. */
  | { type: "socket_state"; name: string }
  | { type: "code"; code: string }
  /** The page shows that it waits for a passkey, or no more. */
  | { type: "passkey"; asked: boolean }
  | { type: "new_document" }
  /** The page is gone, with its code and a scan that was under way; another one comes. */
  | { type: "page_gone" }
  /** The document has synced and the library stands in it; its account is to be read. */
  | { type: "synced" }
  /** The account, read in the document of this number. `synced`: after it had synced. */
  | { type: "account_read"; account: Account | null; document: number; synced: boolean }
  /** Somebody has a code to type in. */
  | { type: "pairing_code_given" }
  /** The phone (or WhatsApp) unlinked this device. */
  | { type: "logged_out" }
  /** The page left as after an unlinking, of which WhatsApp told nothing. */
  | { type: "login_in_doubt" }
  | { type: "login_deleted" }
  | { type: "timer"; name: TimerName }
  /** It ends for another cause than a signal. */
  | { type: "ended" };

export type Change = Partial<Pick<RunnerState, "status" | "reason" | "detail" | "qr" | "account">>;

export type Effect =
  | { type: "publish"; change: Change }
  | { type: "start_timer"; name: TimerName; ms: number }
  | { type: "stop_timer"; name: TimerName }
  /** Ask WhatsApp for new codes. */
  | { type: "refresh_codes" }
  /** Read the account, and tell it with the number of the document. */
  | { type: "read_account"; document: number; synced: boolean }
  /** The page shows a code or a login: it need not be waited for any more. */
  | { type: "page_answered" }
  /** The session is up: what was mended before is mended. */
  | { type: "back" }
  /** Messages can be sent. */
  | { type: "ready" }
  | { type: "mark_linked"; at: string | null }
  /** The account is gone, and with it what was under way. */
  | { type: "unlinked" }
  | { type: "trouble"; cause: Cause; detail: string }
  | { type: "end"; standing: Standing; deleteLogin: boolean }
  | { type: "log"; level: "info" | "warn"; text: string; fields?: Record<string, unknown> };

export type Settings = {
  /** How long codes are shown to somebody who wants them. */
  qrTimeoutMs: number;
  /** How long the page may take to connect again. */
  connectTimeoutMs: number;
};

/** WhatsApp has an account for this page. */
export const isLinked = ({ socketState }: Model): boolean =>
  socketState !== null && meaningOf(socketState) === "connected";

/** It is linked, and the library stands in it. */
export const isConnected = (model: Model): boolean => model.ready && isLinked(model);

export const disconnected = (reason: NonNullable<Standing["reason"]>, detail: string | null): Standing => ({
  status: "disconnected",
  reason,
  detail,
});
