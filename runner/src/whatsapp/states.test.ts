import { expect, test } from "vitest";
import { standingOf } from "./states.ts";

const fresh = { ready: false, wasReady: false, hasQr: false, passkey: false, pairingFailed: false };
const synced = { ...fresh, ready: true, wasReady: true };
const told = (socketState: string | null, view = fresh) => {
  const { status, reason } = standingOf({ ...view, socketState });
  return [status, reason];
};

test.each([
  [null, "connecting", "starting"],
  ["UNLAUNCHED", "connecting", "starting"],
  ["OPENING", "connecting", "opening"],
  ["PAIRING", "connecting", "opening"],
  ["TIMEOUT", "connecting", "opening"],
  ["UNPAIRED", "connecting", "opening"],
  ["UNPAIRED_IDLE", "connecting", "opening"],
  ["CONNECTED", "authenticated", null],
  ["CONFLICT", "disconnected", "conflict"],
  ["TOS_BLOCK", "disconnected", "banned"],
  ["SMB_TOS_BLOCK", "disconnected", "banned"],
  ["PROXYBLOCK", "disconnected", "proxy_blocked"],
  ["DEPRECATED_VERSION", "disconnected", "deprecated_version"],
  ["SOMETHING_NEW", "disconnected", "unknown_state"],
])("%s at the start: %s, %s", (state, status, reason) => {
  expect(told(state)).toEqual([status, reason]);
});

test("after it was connected", () => {
  expect(told("CONNECTED", synced)).toEqual(["connected", null]);
  expect(told("OPENING", synced)).toEqual(["connecting", "reconnecting"]);
  expect(told("TIMEOUT", synced)).toEqual(["connecting", "reconnecting"]);
});

test("while a passkey is asked for, whatever the socket says of it", () => {
  for (const state of ["PAIRING", "UNPAIRED"])
    expect(told(state, { ...fresh, hasQr: true, passkey: true })).toEqual(["qr_ready", "passkey_required"]);
  expect(told("CONNECTED", { ...fresh, passkey: true })).toEqual(["authenticated", null]);
});

test("with a code to scan, and after a scan that came to nothing", () => {
  expect(told("UNPAIRED", { ...fresh, hasQr: true })).toEqual(["qr_ready", null]);
  expect(told("UNPAIRED", { ...fresh, pairingFailed: true })).toEqual(["auth_failed", "pairing_failed"]);
});
