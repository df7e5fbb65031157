import { describe, expect, it, test } from "vitest";
import { initialModel, type Effect, type Model, type Signal } from "./session-model.ts";
import { PAIRING_CODE_MS, reduce } from "./session-reducer.ts";

const NOW = Date.parse("2026-01-02T03:04:05.000Z");
const LINKED_AT = "2026-01-01T00:00:00.000Z";
const settings = { qrTimeoutMs: 60_000, connectTimeoutMs: 30_000 };
const account = { phoneNumber: "6281234567890", lid: null, pushName: null };

/** A page after these signals, and what the last of them brings. */
function after(...signals: Signal[]): { model: Model; effects: Effect[] } {
  let reached: { model: Model; effects: Effect[] } = { model: initialModel, effects: [] };
  for (const signal of signals) reached = reduce(reached.model, signal, settings, NOW);
  return reached;
}
const socket = (name: string): Signal => ({ type: "socket_state", name });
const code = (text = "c"): Signal => ({ type: "code", code: text });
const timer = (name: Extract<Signal, { type: "timer" }>["name"]): Signal => ({ type: "timer", name });
const synced = (document = 0): Signal => ({ type: "account_read", account, document, synced: true });
const profile = (linkedAt: string | null, claimed = false): Signal => ({
  type: "profile_read",
  linkedAt,
  claimed,
});

/** Each effect in a word or two. */
const brief = (effects: readonly Effect[]): string[] =>
  effects.flatMap((effect) => {
    switch (effect.type) {
      case "log":
        return [];
      case "publish": {
        const { status, reason, qr } = effect.change;
        const standing = status === undefined ? "publish" : [status, reason].filter(Boolean).join("/");
        return [qr ? `${standing} code ${qr.number}` : standing];
      }
      case "start_timer":
        return [`${effect.name} in ${effect.ms / 1000}`];
      case "stop_timer":
        return [];
      case "end":
        return [`end ${effect.standing.reason}${effect.deleteLogin ? " and delete the login" : ""}`];
      case "trouble":
        return [`trouble ${effect.cause}`];
      case "mark_linked":
        return [effect.at === null ? "unmark" : "mark"];
      default:
        return [effect.type];
    }
  });

const linking = [socket("UNPAIRED"), code(), socket("PAIRING")];
const linked = [profile(LINKED_AT), socket("OPENING"), socket("CONNECTED")];
const connected = [...linked, synced()];

test.each<[string, Signal[], string[]]>([
  ["a code is shown", [socket("UNPAIRED"), code()], ["page_answered", "back", "qr_ready code 1"]],
  [
    "a code that somebody wants expires",
    [profile(null, true), socket("UNPAIRED"), code()],
    ["expiry in 60", "page_answered", "back", "qr_ready code 1"],
  ],
  [
    "one that is wanted later expires from then on",
    [socket("UNPAIRED"), code(), { type: "claimed" }],
    ["expiry in 60"],
  ],
  [
    "its time does not begin anew with the next code",
    [profile(null, true), socket("UNPAIRED"), code(), code()],
    ["page_answered", "back", "qr_ready code 2"],
  ],
  [
    "a code to type in gets its time too",
    [profile(null, true), socket("UNPAIRED"), code(), { type: "pairing_code_given" }],
    [`expiry in ${PAIRING_CODE_MS / 1000}`],
  ],
  ["and none where no time runs", [socket("UNPAIRED"), code(), { type: "pairing_code_given" }], []],
  ["codes that nobody scans end it", [socket("UNPAIRED"), code(), timer("expiry")], ["end qr_expired"]],
  ["a scan hides the code, and is to come to a connection", linking, ["connecting/opening", "connect in 30"]],
  ["a code that comes during a scan is held back", [...linking, code("next")], []],
  [
    "a scan that is turned down shows it",
    [...linking, code("next"), socket("UNPAIRED")],
    ["next_code in 3", "auth_failed/pairing_failed", "page_answered", "back", "qr_ready code 2"],
  ],
  [
    "one without another code asks for one",
    [...linking, socket("UNPAIRED"), timer("next_code")],
    ["refresh_codes"],
  ],
  [
    "codes that have run out are asked for",
    [socket("UNPAIRED"), code(), socket("UNPAIRED_IDLE")],
    ["qr_ready", "connecting/opening", "connect in 30", "refresh_codes"],
  ],
  [
    "a scan that connects is a fresh login",
    [...linking, socket("CONNECTED")],
    ["authenticated", "page_answered", "ready in 300", "mark", "read_account"],
  ],
  [
    "a login from the profile is none",
    linked,
    ["authenticated", "page_answered", "ready in 300", "read_account"],
  ],
  ["it is connected when it has synced", connected, ["back", "connected", "ready"]],
  [
    "an account that is read tells no more than itself",
    [...linked, { type: "account_read", account, document: 0, synced: false }],
    ["publish"],
  ],
  [
    "a document that was left meanwhile is not connected",
    [...linked, { type: "new_document" }, synced(0)],
    [],
  ],
  ["one that does not sync is mended", [...linked, timer("ready")], ["trouble start_timeout"]],
  [
    "a connection that is lost gets its time",
    [...connected, socket("OPENING")],
    ["connecting/reconnecting", "connect in 30"],
  ],
  ["once", [...connected, socket("OPENING"), socket("TIMEOUT")], ["connecting/reconnecting"]],
  ["and is mended", [...connected, socket("OPENING"), timer("connect")], ["trouble connect_timeout"]],
  [
    "a login that WhatsApp does not take any more gives way to a code",
    [profile(LINKED_AT), socket("UNPAIRED"), code()],
    ["page_answered", "back", "unmark", "unlinked", "qr_ready code 1"],
  ],
  ["the phone unlinks it", [...connected, { type: "logged_out" }], ["end logged_out and delete the login"]],
  ["that is none of a page that never had a login", [socket("UNPAIRED"), { type: "logged_out" }], []],
  [
    "a socket without its account waits for the page's word",
    [...connected, socket("UNPAIRED")],
    ["connecting/opening", "connect in 30", "unpaired in 10"],
  ],
  [
    "and ends without it, the login kept",
    [...connected, socket("UNPAIRED"), timer("unpaired")],
    ["end logged_out"],
  ],
  [
    "a login in doubt that shows a code ends, the login kept",
    [...connected, { type: "login_in_doubt" }, { type: "new_document" }, socket("UNPAIRED"), code()],
    ["end logged_out"],
  ],
  [
    "one that connects goes on",
    [...connected, { type: "login_in_doubt" }, { type: "new_document" }, socket("CONNECTED")],
    ["authenticated", "page_answered", "ready in 300", "read_account"],
  ],
  [
    "a passkey hides the code, and is waited for as long as for a scan",
    [profile(null, true), ...linking, { type: "passkey", asked: true }],
    ["expiry in 60", "qr_ready/passkey_required"],
  ],
  [
    "and its socket tells nothing meanwhile",
    [...linking, { type: "passkey", asked: true }, socket("UNPAIRED")],
    ["qr_ready/passkey_required"],
  ],
  [
    "a code of that time is shown after it",
    [
      socket("UNPAIRED"),
      code(),
      { type: "passkey", asked: true },
      code("next"),
      { type: "passkey", asked: false },
    ],
    ["connecting/opening", "connect in 30", "page_answered", "back", "qr_ready code 2"],
  ],
  [
    "a page that is gone takes its code with it",
    [socket("UNPAIRED"), code(), { type: "page_gone" }],
    ["connecting/starting", "connect in 30"],
  ],
  [
    "and a scan: the next page's connection is none of it",
    [profile(LINKED_AT), ...linking.slice(2), { type: "page_gone" }, socket("CONNECTED")],
    ["authenticated", "page_answered", "ready in 300", "read_account"],
  ],
  ["a state that is not known is told as such", [socket("NEVER_SEEN")], ["disconnected/unknown_state"]],
])("%s", (_, signals, expected) => {
  expect(brief(after(...signals).effects)).toEqual(expected);
});

describe("a session that ends", () => {
  it("hears nothing more, but that its login was deleted", () => {
    const { model } = after(...connected, { type: "ended" });
    for (const signal of [socket("UNPAIRED"), code(), timer("ready"), { type: "page_gone" } as const])
      expect(reduce(model, signal, settings, NOW)).toEqual({ model, effects: [] });
    expect(reduce(model, { type: "login_deleted" }, settings, NOW).model.linkedAt).toBeNull();
  });
});

describe("a code", () => {
  const qrOf = (...signals: Signal[]) =>
    after(...signals).effects.flatMap((effect) =>
      effect.type === "publish" ? (effect.change.qr ?? []) : [],
    );

  it("is good for a minute where it is the first of a row, and for 20 s after it", () => {
    const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();
    expect(qrOf(socket("UNPAIRED"), code("1"))).toEqual([
      { code: "1", number: 1, issuedAt: at(0), expiresAt: at(60) },
    ]);
    expect(qrOf(socket("UNPAIRED"), code("1"), code("2"))).toMatchObject([{ number: 2, expiresAt: at(20) }]);
    expect(qrOf(socket("UNPAIRED"), code("1"), socket("UNPAIRED_IDLE"), code("2"))).toMatchObject([
      { number: 2, expiresAt: at(60) },
    ]);
  });
});

it("a fresh login may not be on the disk for half a minute; one of the profile is", () => {
  expect(after(...linking, socket("CONNECTED")).model.freshUntil).toBe(NOW + 30_000);
  expect(after(...linked).model.freshUntil).toBe(0);
});
