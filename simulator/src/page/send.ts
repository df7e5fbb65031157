import type { Ways } from "../builds.ts";
import type { Verdict, WireContent, WireMessage } from "../wire.ts";
import type { Chat, ChatsArea } from "./chat.ts";
import type { Link } from "./link.ts";
import { SendFailureErrorCode } from "./limits.ts";
import { pageError } from "./page-error.ts";
import { keyFromWire, msgKeyClass, wireKey } from "./msg-key.ts";
import { Msg, type MessagesArea } from "./msg.ts";

type Outgoing = ConstructorParameters<typeof Msg>[0];
type SendResult = { messageSendResult: "OK" | "ERROR_UNKNOWN"; t: number };

const contentNames = [
  "quotedStanzaID", "quotedParticipant", "lat", "lng", "loc", "pollName", "pollOptions", "pollSelectableOptionsCount",
  "vcardList", "vcardFormattedName",
] as const; // prettier-ignore

/** Ids cross as texts. */
const contentOf = (msg: Msg): WireContent => {
  const fields = msg as unknown as Record<string, unknown>;
  const there = contentNames.filter((name) => fields[name] !== undefined && fields[name] !== null);
  const mentions = (fields["mentionedJidList"] ?? []) as unknown[];
  return {
    ...(Object.fromEntries(there.map((name) => [name, fields[name]])) as WireContent),
    ...(mentions.length > 0 && { mentionedJidList: mentions.map(String) }),
  };
};

const toWire = (msg: Msg): WireMessage => ({
  key: wireKey(msg.id),
  from: msg.from.toString(),
  to: msg.to.toString(),
  type: msg.type,
  body: msg.body ?? "",
  ...(msg.caption !== undefined && { caption: msg.caption }),
  t: msg.t,
  ack: msg.ack,
  content: contentOf(msg),
  ...(msg.directPath !== undefined && {
    media: {
      directPath: msg.directPath,
      mimetype: msg.mimetype ?? "",
      ...(msg.filename !== undefined && { filename: msg.filename }),
      size: msg.size ?? 0,
      filehash: msg.filehash ?? "",
    },
  }),
});

const never = new Promise<never>(() => {});

/** WhatsApp's month's limit of people written to for the first time. */
const NEW_CHATS_CAPPED = 475;

/** Sending: WhatsApp Web adds a message to its own collection, and its queue hands it to the server. */
export const createSend = (
  link: Link,
  messages: MessagesArea,
  chats: ChatsArea,
  { keyText, minifiedErrors }: Ways,
) => {
  const job = {
    encryptAndSendMsg: ({ data }: { type: "message"; data: Msg }, _reporter: object | null) =>
      messages.answerTo(data),
  };

  /** Resolves once the server took the message or refused it; never, while neither is known. */
  const deliver = async (msg: Msg): Promise<SendResult> => {
    const { error } = await job.encryptAndSendMsg({ type: "message", data: msg }, null);
    if (error === undefined) return { messageSendResult: "OK", t: msg.t };
    const errorCode = SendFailureErrorCode.UserReachedMaxMonthlyLimitForNewMessages;
    msg.set({ isSendFailure: true, ack: -1, ...(error === NEW_CHATS_CAPPED && { errorCode }) });
    return { messageSendResult: "ERROR_UNKNOWN", t: msg.t };
  };

  const answer = async (chat: Chat, msg: Msg, { answer, added }: Verdict): Promise<Msg | undefined> => {
    if (answer === "omit") {
      setTimeout(() => chats.place(chat, msg));
      return undefined;
    }
    const placed = added ? chats.place(chat, msg) : undefined;
    if (answer === "throw" || answer === "strand")
      throw pageError("ServerStatusCodeError: simulated failure of a send", minifiedErrors);
    return answer === "hang" ? never : placed;
  };

  /** As in WhatsApp Web: the message once it stands in the chat, and how its sending ended. */
  const addAndSendMsgToChat = (
    chat: Chat,
    outgoing: Outgoing,
  ): [Promise<Msg | undefined>, Promise<SendResult>] => {
    // Made in a later step, so that what fails in it is no exception of this call.
    const made = Promise.resolve().then(() => new Msg(outgoing));
    const sending = made.then(async (asked) => {
      const verdict = await link.call("send", toWire(asked));
      const key = wireKey(asked.id);
      const sibling = { ...key, remote: verdict.remote };
      const msg =
        verdict.remote === key.remote ? asked : new Msg({ ...outgoing, id: keyFromWire(keyText, sibling) });
      return { msg, verdict, result: deliver(msg) };
    });
    const message = sending.then(({ msg, verdict }) => answer(chat, msg, verdict));
    const result = sending.then((sent) =>
      sent.verdict.answer === "throw" && !sent.verdict.added ? message.then(() => never) : sent.result,
    );
    result.catch(() => {});
    return [message, result];
  };

  return {
    modules: {
      WAWebMsgKey: msgKeyClass(keyText),
      WAWebSendMsgChatAction: { addAndSendMsgToChat },
      WAWebSendMsgJob: job,
      WAWebMsgReply: { canReplyMsg: ({ type }: Msg) => type !== "revoked" && type !== "call_log" },
      WAWebMsgDataFromModel: { msgDataFromMsgModel: (msg: Msg) => msg.serialize() },
      WAWebMediaUpdateMsg: async () => {},
    },
  };
};
