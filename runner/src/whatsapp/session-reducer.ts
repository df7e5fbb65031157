import type { QrCode } from "@whatsapp-engine/contract/runner";
import { issueCode, newRow } from "./qr-codes.ts";
import {
  disconnected,
  type Change,
  type Effect,
  type Model,
  type Settings,
  type Signal,
  type TimerName,
} from "./session-model.ts";
import { meaningOf, standingOf, type Standing } from "./states.ts";

/*
 * What a session makes of what it hears: a pure function from a signal to effects. `session.ts` hears the signals and carries the
 * effects out.
 */

/** WhatsApp takes a pairing code for three minutes (whatsapp-web.js, `requestPairingCode`). */
export const PAIRING_CODE_MS = 180_000;
/** From the login to the end of the sync, which takes minutes for an account with a long history. */
const READY_MS = 300_000;
/** A login younger than this may not be on the disk yet. */
const FRESH_LOGIN_MS = 30_000;
/** Longest wait for the page to say that it was unlinked, once its socket has no account any more. */
const UNPAIRED_MS = 10_000;
/** WhatsApp gives a new code after a pairing that failed; if not by then, it is asked for one. */
const NEXT_CODE_MS = 3_000;

const DOUBTED =
  "WhatsApp Web says that it is not linked any more, of which WhatsApp told nothing; the login is kept, and tried again by the next start.";

/** `now`: milliseconds since 1970. The effects are to be carried out in their order. */
export function reduce(
  before: Model,
  signal: Signal,
  settings: Settings,
  now: number,
): { model: Model; effects: Effect[] } {
  if (before.ended && signal.type !== "login_deleted") return { model: before, effects: [] };
  const model = { ...before };
  const effects: Effect[] = [];
  const stop = (name: TimerName) => void effects.push({ type: "stop_timer", name });
  const start = (name: TimerName, ms: number) => void effects.push({ type: "start_timer", name, ms });
  const log = (level: "info" | "warn", text: string, fields?: Record<string, unknown>) =>
    void effects.push({ type: "log", level, text, ...(fields && { fields }) });

  function end(standing: Standing, { deleteLogin = false } = {}): void {
    model.ended = true;
    effects.push({ type: "end", standing, deleteLogin });
  }

  /** The page's standing, with what changes besides. */
  function publish(change: Change = {}): void {
    const standing = standingOf(model);
    effects.push({ type: "publish", change: { ...standing, ...change } });
    // WhatsApp Web connects again by itself, as a rule; a page that does not is of no use any more.
    if (standing.status !== "connecting") stop("connect");
    else if (model.status !== "connecting") start("connect", settings.connectTimeoutMs);
    model.status = standing.status;
  }

  function runExpiry(): void {
    if (model.expiring || !model.claimed) return;
    start("expiry", settings.qrTimeoutMs);
    model.expiring = true;
  }

  function stopExpiry(): void {
    stop("expiry");
    model.expiring = false;
  }

  function hideCode(): void {
    model.hasQr = false;
    publish({ qr: null });
  }

  function askForCodes(): void {
    model.codes = newRow(model.codes);
    effects.push({ type: "refresh_codes" });
  }

  function showCode(code: string): void {
    // No proof of an unlinking: the login stays, and the next start looks again.
    if (model.inDoubt) return end(disconnected("logged_out", DOUBTED));
    runExpiry();
    stop("next_code");
    let qr: QrCode;
    [model.codes, qr] = issueCode(model.codes, code, now);
    Object.assign(model, { scannable: true, hasQr: true, pairingFailed: false });
    effects.push({ type: "page_answered" }, { type: "back" });
    log("info", "QR code issued", { number: qr.number });
    if (model.linkedAt !== null) {
      // A login was here, and WhatsApp does not take it any more.
      mark(null);
      effects.push({ type: "unlinked" });
    }
    publish({ qr });
  }

  function showHeldCode(): void {
    const code = model.heldCode;
    model.heldCode = null;
    if (code !== null) showCode(code);
  }

  function mark(at: string | null): void {
    model.linkedAt = at;
    effects.push({ type: "mark_linked", at });
  }

  function connected(): void {
    const scanned = model.scannable;
    stopExpiry();
    for (const name of ["next_code", "unpaired"] as const) stop(name);
    Object.assign(model, {
      pairing: false,
      pairingFailed: false,
      wasConnected: true,
      scannable: false,
      inDoubt: false,
    });
    hideCode();
    effects.push({ type: "page_answered" });
    if (!model.ready) start("ready", READY_MS);
    if (scanned || model.linkedAt === null) {
      model.freshUntil = now + FRESH_LOGIN_MS;
      mark(new Date(now).toISOString());
    }
    effects.push({ type: "read_account", document: model.document, synced: false });
  }

  function unpaired(): void {
    if (model.pairing && !model.passkey) {
      model.pairingFailed = true;
      start("next_code", NEXT_CODE_MS);
      log("warn", "WhatsApp turned a pairing down");
    }
    model.pairing = false;
    publish();
    // The page unlinks itself in steps; where the last one does not come, the login is not deleted.
    if (model.wasConnected) start("unpaired", UNPAIRED_MS);
    model.wasConnected = false;
    if (!model.passkey) showHeldCode();
  }

  function socketState(name: string): void {
    model.socketState = name;
    switch (meaningOf(name)) {
      case "pairing":
        model.pairing = model.scannable;
        stopExpiry();
        return hideCode();
      case "connected":
        return connected();
      case "unpaired":
        return unpaired();
      case "unpaired_idle":
        unpaired();
        hideCode();
        if (!model.passkey) askForCodes();
        return;
      default:
        return publish();
    }
  }

  function passkey(asked: boolean): void {
    if (model.passkey === asked) return;
    model.passkey = asked;
    if (asked) {
      stop("next_code");
      runExpiry(); // a scan has stopped it, and nobody may come for the passkey
      return hideCode();
    }
    publish();
    if (model.pairing) model.heldCode = null;
    else showHeldCode();
  }

  function accountRead({ account, document, synced }: Extract<Signal, { type: "account_read" }>): void {
    if (!synced) return void effects.push({ type: "publish", change: { account } });
    if (document !== model.document) return; // the page went on meanwhile, and will have synced again
    stop("ready");
    effects.push({ type: "back" });
    Object.assign(model, { ready: true, wasReady: true });
    publish({ account });
    log("info", "connected");
    effects.push({ type: "ready" });
  }

  function timer(name: TimerName): void {
    switch (name) {
      case "ready": {
        const detail = `Logged in, but not ready to send within ${READY_MS / 1000} s.`;
        return void effects.push({ type: "trouble", cause: "start_timeout", detail });
      }
      case "connect": {
        const detail = `No connection to WhatsApp for ${settings.connectTimeoutMs / 1000} s.`;
        return void effects.push({ type: "trouble", cause: "connect_timeout", detail });
      }
      case "unpaired":
        return end(disconnected("logged_out", "WhatsApp has no account for this login any more."));
      case "expiry":
        return end(disconnected("qr_expired", "No code was scanned in time."));
      case "next_code":
        return askForCodes();
    }
  }

  switch (signal.type) {
    case "profile_read":
      model.linkedAt = signal.linkedAt;
      model.claimed ||= signal.claimed;
      break;
    case "claimed":
      model.claimed = true;
      if (model.hasQr) runExpiry();
      break;
    case "socket_state":
      socketState(signal.name);
      break;
    case "code":
      if (model.pairing || model.passkey) model.heldCode = signal.code;
      else showCode(signal.code);
      break;
    case "passkey":
      passkey(signal.asked);
      break;
    case "new_document":
      model.document += 1;
      stop("ready");
      Object.assign(model, { ready: false, socketState: null, passkey: false, wasConnected: false });
      publish();
      break;
    case "page_gone":
      model.document += 1;
      for (const name of ["ready", "connect", "unpaired", "next_code"] as const) stop(name);
      Object.assign(model, {
        socketState: null,
        ready: false,
        hasQr: false,
        passkey: false,
        pairingFailed: false,
        pairing: false,
        scannable: false,
        wasConnected: false,
        heldCode: null,
      });
      publish({ qr: null });
      break;
    case "synced":
      effects.push({ type: "read_account", document: model.document, synced: true });
      break;
    case "account_read":
      accountRead(signal);
      break;
    case "pairing_code_given":
      if (model.expiring) start("expiry", Math.max(PAIRING_CODE_MS, settings.qrTimeoutMs));
      break;
    case "logged_out":
      if (model.linkedAt !== null)
        end(disconnected("logged_out", "The phone unlinked this session."), { deleteLogin: true });
      break;
    case "login_in_doubt":
      if (model.linkedAt === null) break;
      model.inDoubt = true;
      log("warn", "the page left as after an unlinking, of which WhatsApp told nothing");
      break;
    case "login_deleted":
      model.linkedAt = null;
      break;
    case "timer":
      timer(signal.name);
      break;
    case "ended":
      model.ended = true;
  }
  const last = effects.findIndex(({ type }) => type === "end");
  return { model, effects: last === -1 ? effects : effects.slice(0, last + 1) };
}
