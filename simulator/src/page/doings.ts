import type { Ways } from "../builds.ts";
import type { Push, WireReaction } from "../wire.ts";
import type { Chat } from "./chat.ts";
import type { Link } from "./link.ts";
import type { Emitter } from "./model.ts";
import { keyFromWire } from "./msg-key.ts";
import type { MessagesArea, Msg } from "./msg.ts";
import { Calls } from "./surroundings.ts";
import { createWid } from "./wid.ts";

/** How long WhatsApp lets a message be edited, and deleted for everyone, in seconds. */
const EDITABLE_S = 15 * 60;
const REVOCABLE_S = 60 * 60 * 60;

const age = ({ t }: Msg): number => Date.now() / 1000 - t;

const may = {
  canEditText: (msg: Msg) => msg.id.fromMe && msg.type === "chat" && age(msg) < EDITABLE_S,
  canEditCaption: (msg: Msg) =>
    msg.id.fromMe && ["image", "video", "document"].includes(msg.type) && age(msg) < EDITABLE_S,
  canSenderRevokeMsg: (msg: Msg) => msg.id.fromMe && msg.type !== "revoked" && age(msg) < REVOCABLE_S,
  canAdminRevokeMsg: () => false,
};

type TableReaction = { id: unknown; reactionText: string };

/** What is done to messages that are there: reactions, edits, deletions; and calls. */
export const createDoings = (link: Link, messages: MessagesArea, commands: Emitter, { keyText }: Ways) => {
  const shown = new Map<string, WireReaction[]>();
  const calls = new Calls();
  /** The library puts itself before this one. */
  const reactionTableMode = { bulkUpsert: async (_: TableReaction[]): Promise<void> => {} };

  const remember = (key: string, reaction: WireReaction): void => {
    const others = (shown.get(key) ?? []).filter(({ from }) => from !== reaction.from);
    shown.set(key, reaction.emoji === "" ? others : [...others, reaction]);
    messages.all.get(key)?.set({ hasReaction: shown.get(key)!.length > 0 });
  };

  messages.onReactions((key, reactions) => shown.set(key, reactions));

  const react = ({ key, reaction }: Extract<Push, { push: "reaction" }>): void => {
    remember(key, reaction);
    const parent = messages.all.get(key);
    if (!parent) return;
    void reactionTableMode.bulkUpsert([
      {
        id: keyFromWire(keyText, reaction.key),
        reactionParentKey: parent.id,
        from: createWid(reaction.from),
        reactionText: reaction.emoji,
        reactionTimestamp: reaction.at,
      } as TableReaction,
    ]);
  };

  const find = async (key: unknown): Promise<unknown> => {
    const reactions = shown.get(String(key)) ?? [];
    const senders = reactions.map(({ key: own, from, emoji, at }) => ({
      msgKey: keyFromWire(keyText, own),
      parentMsgKey: messages.all.get(key)?.id,
      senderUserJid: from,
      reactionText: emoji,
      timestamp: at,
    }));
    return { reactions: { length: senders.length, serialize: () => [{ senders }] } };
  };

  const sendReactionToMsg = async (msg: Msg, emoji: string): Promise<void> => {
    if (!(await link.call("react", { key: String(msg.id), emoji }))) throw new Error("Reaction send error");
  };

  /** Shown at once; whether the server took it stands in the message afterwards. */
  const sendMessageEdit = async (msg: Msg, text: string): Promise<void> => {
    if (!may.canEditText(msg) && !may.canEditCaption(msg)) throw new Error("Cannot edit message");
    const [at, trimmed] = [Date.now(), text.trim()];
    msg.set({
      ...(msg.directPath ? { caption: trimmed } : { body: trimmed }),
      latestEditSenderTimestampMs: at,
    });
    msg.isSendFailure = !(await link.call("edit", { key: String(msg.id), text: trimmed, at }));
  };

  const revoke = (_: Chat, { list }: { list: Msg[] }): void => {
    for (const msg of list) void link.call("revoke", { key: String(msg.id) });
  };
  commands.on("send_revoke_msgs", revoke);

  /** For this account alone. */
  const forget = (_: Chat, { list }: { list: Msg[] }): void => {
    for (const msg of list) {
      messages.all.remove(msg);
      void link.call("forget", { key: String(msg.id) });
    }
  };
  commands.on("send_delete_msgs", forget);

  return {
    react,
    ring: ({ id, peerJid, isVideo, isGroup }: Extract<Push, { push: "call" }>): void => {
      calls.callMap.set(id, { id, peerJid: createWid(peerJid), isVideo, isGroup, outgoing: false });
    },
    collections: { Reactions: { find } },
    modules: {
      WAWebSendReactionMsgAction: { sendReactionToMsg },
      WAWebSendMessageEditAction: { sendMessageEdit },
      WAWebMsgActionCapability: may,
      WAWebAddonReactionTableMode: { reactionTableMode },
      WAWebCallCollection: calls,
    },
  };
};
