import type {
  Account,
  ActionResult,
  ContactEntry,
  GroupEntry,
  NumberCheck,
  SendCommand,
  WhatsAppPage,
} from "@whatsapp-engine/contract/runner";

/** Our port to one page of WhatsApp Web. What library stands behind it is known to its implementation only. */
export type WhatsAppClient = {
  /** Mends that were applied to the page, by name. */
  readonly mends: readonly string[];
  /** Those of them that did not help. */
  readonly failedMends: readonly string[];
  /** Opens WhatsApp Web in the browser behind this DevTools address. Resolves when a QR or a login was found. */
  open(browserEndpoint: string): Promise<void>;
  checkNumber(digits: string): Promise<NumberCheck>;
  /** Resolves or rejects when the library is done with it; neither says whether the message went out. */
  send(message: OutgoingMessage): Promise<void>;
  /** What the page knows of these messages. Those it does not know are missing in the answer. */
  findMessages(keys: readonly string[]): Promise<FoundMessage[]>;
  /** Whether the page has messages of this chat, other than ones of ours that were refused. */
  knowsChat(chatId: string): Promise<boolean>;
  /** What came in at or after this time, oldest first, as far as the page holds it; unchecked. */
  inboundSince(unixSeconds: number): Promise<unknown[]>;
  /** Reacts to a message; an empty emoji takes the reaction back. */
  react(whatsappId: string, emoji: string): Promise<ActionResult>;
  /** Replaces the text, or the caption, of a message of ours. */
  edit(whatsappId: string, text: string): Promise<ActionResult>;
  /** Deletes a message for everyone. */
  revoke(whatsappId: string): Promise<ActionResult>;
  /** Downloads the file of a message. */
  download(whatsappId: string): Promise<Download>;
  /** Whom the account knows: a page of them, and how many there are. */
  contacts(from: number, count: number): Promise<{ contacts: ContactEntry[]; total: number }>;
  /** Its groups, with who is in them: a page of them, and how many there are. */
  groups(from: number, count: number): Promise<{ groups: GroupEntry[]; total: number }>;
  account(): Promise<Account>;
  /** A code by which the account of this number can link instead of by a QR. */
  pairingCode(phoneNumber: string): Promise<PairingCode>;
  /** Asks WhatsApp for new codes after the last one ran out. */
  refreshQr(): Promise<void>;
  /** Unlinks this device. Resolves when WhatsApp took it. */
  logOut(): Promise<void>;
  /** The page as PNG. Rejects where there is none. */
  screenshot(): Promise<Uint8Array<ArrayBuffer>>;
  /** The document that WhatsApp served; null: it is not known, or another was opened in its place. */
  servedPage(): Promise<WhatsAppPage | null>;
  /** Whether the page runs a script within this time. */
  answers(timeoutMs: number): Promise<PageHealth>;
  /** Closes the page, also one that hangs or has crashed, and lets go of the browser, which goes on. */
  closePage(): Promise<void>;
  /** Asks the browser to close in order. */
  closeBrowser(): Promise<void>;
};

export type PageHealth = "answering" | "silent" | "gone";

/** `gone`: WhatsApp has the file no more, or not now. */
type Download =
  | { outcome: "done"; bytes: Buffer; mimetype: string; filename: string | null }
  | { outcome: "not_found" | "no_media" | "gone" };

/** `refused`: WhatsApp gives none, and why; `unknown`: it did not answer in time. */
type PairingCode =
  | { outcome: "code"; code: string }
  | { outcome: "refused"; detail: string }
  | { outcome: "unknown" };

/** WhatsApp's codes for an account that may not write to people it does not know, for some time or until its month is over. */
export const RESTRICTED = 463;
export const LIMIT_REACHED = 475;

/** Why a message cannot be sent as it is, in a sentence for the caller; nothing was handed to WhatsApp. */
export class NotSendable extends Error {
  override readonly name = "NotSendable";
}

export type OutgoingMessage = Pick<SendCommand, "type" | "text" | "content" | "media"> & {
  /** Ours; comes back in `beforeSend`. */
  ref: string;
  chatId: string;
};

/** Where a message of ours stands in the page. */
export type FoundMessage = {
  /** The id under which the page holds it; with LIDs not always the one it was sent under. */
  key: string;
  /** The part of the key that all of a message's ids share. */
  shortId: string;
  ack: number;
  unixSeconds: number | null;
  /** Where WhatsApp's server refused it: by which code, and until when that holds, as far as the page knows. */
  refusal: { code: number | null; untilUnixMs: number | null } | null;
};

/** What the page says of a send that passed the gate. */
type SendSight = {
  /** What the page holds; null if nothing. */
  found: FoundMessage | null;
  /** Why the call failed; null where it did not. */
  failure: string | null;
  /** It failed before WhatsApp's own code had the message: nothing went out, and nothing will. */
  refused: boolean;
};

/** What the page tells. Calls come in the order in which things happened. */
export type WhatsAppListener = {
  /** WhatsApp's own name of the socket's state. */
  socketState(state: string): void;
  /** The page goes to another document. */
  newDocument(): void;
  version(whatsappVersion: string): void;
  qr(code: string): void;
  /** The page shows that it waits for a passkey, or no more. */
  passkey(asked: boolean): void;
  /** The history is there and messages can be sent. */
  ready(): void;
  /** The phone (or WhatsApp) unlinked this device. */
  loggedOut(): void;
  /** The page left as after an unlinking, which nobody told: it does so where its storage failed, too. */
  loginInDoubt(): void;
  /** The page crashed or was closed. */
  pageGone(detail: string): void;
  /** The page is about to send; it does so once this resolves, and never if it rejects. */
  beforeSend(ref: string, key: string): Promise<void>;
  /** The page's send call ended, or waits. */
  afterSend(ref: string, sight: SendSight): void;
  ack(message: FoundMessage): void;
  /** Something that came in, unchecked. */
  inbound(told: unknown): void;
  /** The page told what cannot be read: why, and its text. */
  unreadable(why: string, text: string): void;
  /** The page needed a mend that it had not needed before; `mends` has its name. */
  mended(): void;
  /** Something inside the library failed that nobody waits for. */
  fault(cause: unknown): void;
  /** The page asked for something and the network failed: Chromium's name of the failure, and the host it was asked of. */
  requestFailed(failure: string, host: string): void;
};
