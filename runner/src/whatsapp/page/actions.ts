import type { PageWindow } from "./window.ts";

declare const window: PageWindow;

/** A message as somebody wants to do something with it. */
export type Target = {
  /** The id under which the page holds it. */
  key: string;
  deleted: boolean;
  canReply: boolean;
  canEdit: boolean;
  /** For everyone. */
  canRevoke: boolean;
};

export const lookAt = async (key: string): Promise<Target | null> => {
  const message = await window.engine?.model(key);
  if (!message) return null;
  const may = window.require("WAWebMsgActionCapability");
  return {
    key: message.id.toString(),
    deleted: message.type === "revoked",
    canReply: window.require("WAWebMsgReply").canReplyMsg(message),
    canEdit: may.canEditText(message) || may.canEditCaption(message),
    canRevoke: may.canSenderRevokeMsg(message) || may.canAdminRevokeMsg(message),
  };
};

/** Whether WhatsApp's server turned down what was last done to the message. */
export const failedToSend = async (key: string): Promise<boolean> =>
  (await window.engine?.model(key))?.isSendFailure === true;

/** Resolves once WhatsApp's server took the deletion, which the page shows then and not before. */
export const untilRevoked = async (key: string): Promise<void> => {
  const message = await window.engine!.model(key);
  const { Msg } = window.require("WAWebCollections");
  await new Promise<void>((resolve) => {
    const look = () => {
      if (message?.type !== "revoked") return;
      Msg.off("change:type", look);
      resolve();
    };
    Msg.on("change:type", look);
    look();
  });
};
