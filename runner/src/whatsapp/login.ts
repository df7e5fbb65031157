import type { Account } from "@whatsapp-engine/contract/runner";
import { createDeadline } from "../deadline.ts";
import type { StateHolder } from "../runner-state.ts";
import { createQrCodes } from "./qr-codes.ts";
import { meaningOf, standingOf } from "./states.ts";

/** Follows one page from the first code to the connection: what its signals mean, in the order they come. */
export type Login = {
  /** The page goes to another document; what it synced before is void. */
  newDocument(): void;
  /** The page is gone, with its code and a scan that was under way; another one comes. */
  pageGone(): void;
  socketState(name: string): void;
  qr(code: string): void;
  /** The page shows that it waits for a passkey, or no more. */
  passkey(asked: boolean): void;
  ready(account: Account | null): void;
  /** Somebody wants the codes: from now on they are not shown for ever. Doing it again changes nothing. */
  claimed(): void;
  /** Somebody has a code to type in for so long: the session is not given up before. */
  pairingCodeGiven(forMs: number): void;
  /** WhatsApp has an account for this page. */
  isLinked(): boolean;
  /** It is linked, and the library stands in it. */
  isConnected(): boolean;
  stop(): void;
};

type Deps = {
  qrTimeoutMs: number;
  publish: (change: Parameters<StateHolder["set"]>[0]) => void;
  /** Asks WhatsApp for new codes. */
  refreshQr: () => void;
  onQr: (number: number) => void;
  onPairingFailed: () => void;
  /** No code was scanned in time. */
  onExpired: () => void;
  /** `fresh`: by a scan, not from the profile. */
  onConnected: (fresh: boolean) => void;
  /** The page was connected, and has no account any more. */
  onUnpaired: () => void;
};

/** WhatsApp gives a new code after a pairing that failed; if not by then, it is asked for one. */
const NEXT_CODE_MS = 3_000;

export const createLogin = (deps: Deps): Login => {
  const view = {
    socketState: null as string | null,
    ready: false,
    wasReady: false,
    hasQr: false,
    passkey: false,
    pairingFailed: false,
  };
  const codes = createQrCodes();
  const expiry = createDeadline(deps.onExpired);
  let expiryRuns = false;
  let isClaimed = false;
  let pairing = false;
  let scannable = false;
  let connected = false;
  /** A code that came while the last scan was not decided yet, or a passkey was waited for. */
  let held: string | undefined;

  const publish = (change: Parameters<StateHolder["set"]>[0] = {}): void =>
    deps.publish({ ...standingOf(view), ...change });

  const newCodes = (): void => {
    codes.startRow();
    deps.refreshQr();
  };
  const nextCode = createDeadline(newCodes);

  const stopExpiry = (): void => {
    expiry.stop();
    expiryRuns = false;
  };

  const runExpiry = (): void => {
    if (!expiryRuns && isClaimed) {
      expiry.start(deps.qrTimeoutMs);
      expiryRuns = true;
    }
  };

  const hideCode = (): void => {
    view.hasQr = false;
    publish({ qr: null });
  };

  const showCode = (code: string): void => {
    runExpiry();
    nextCode.stop();
    scannable = true;
    view.hasQr = true;
    view.pairingFailed = false;
    const qr = codes.issue(code);
    deps.onQr(qr.number);
    publish({ qr });
  };

  const unpaired = (): void => {
    if (pairing && !view.passkey) {
      view.pairingFailed = true;
      nextCode.start(NEXT_CODE_MS);
      deps.onPairingFailed();
    }
    pairing = false;
    publish();
    if (connected) deps.onUnpaired();
    connected = false;
    if (view.passkey) return;
    if (held !== undefined) showCode(held);
    held = undefined;
  };

  const socketState = (name: string): void => {
    view.socketState = name;
    switch (meaningOf(name)) {
      case "pairing":
        pairing = scannable;
        stopExpiry();
        return hideCode();
      case "connected":
        stopExpiry();
        nextCode.stop();
        pairing = false;
        view.pairingFailed = false;
        connected = true;
        hideCode();
        deps.onConnected(scannable);
        scannable = false;
        return;
      case "unpaired":
        return unpaired();
      case "unpaired_idle":
        unpaired();
        hideCode();
        if (!view.passkey) newCodes();
        return;
      default:
        return publish();
    }
  };

  const isLinked = (): boolean => view.socketState !== null && meaningOf(view.socketState) === "connected";

  return {
    newDocument: () => {
      view.ready = false;
      view.socketState = null;
      view.passkey = false;
      connected = false;
      publish();
    },
    pageGone: () => {
      nextCode.stop();
      Object.assign(view, {
        socketState: null,
        ready: false,
        hasQr: false,
        passkey: false,
        pairingFailed: false,
      });
      [pairing, scannable, connected, held] = [false, false, false, undefined];
      publish({ qr: null });
    },
    socketState,
    qr: (code) => {
      if (pairing || view.passkey) held = code;
      else showCode(code);
    },
    passkey: (asked) => {
      if (view.passkey === asked) return;
      view.passkey = asked;
      if (asked) {
        nextCode.stop();
        runExpiry(); // a scan has stopped it, and nobody may come for the passkey
        return hideCode();
      }
      publish();
      if (held !== undefined && !pairing) showCode(held);
      held = undefined;
    },
    ready: (account) => {
      view.ready = true;
      view.wasReady = true;
      publish({ account });
    },
    claimed: () => {
      isClaimed = true;
      if (view.hasQr) runExpiry();
    },
    pairingCodeGiven: (forMs) => {
      if (expiryRuns) expiry.start(Math.max(forMs, deps.qrTimeoutMs));
    },
    isLinked,
    isConnected: () => view.ready && isLinked(),
    stop: () => {
      stopExpiry();
      nextCode.stop();
    },
  };
};
