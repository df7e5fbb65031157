import type { FoundMessage } from "../client.ts";
import type { Msg, PageWindow } from "./window.ts";

declare const window: PageWindow;

/** Who is logged in, as WhatsApp writes it: `628…:12@c.us`, `123…@lid`. */
export const readAccount = (): { pn: string | null; lid: string | null; pushName: string | null } => {
  const { getMaybeMePnUser, getMaybeMeLidUser } = window.require("WAWebUserPrefsMeUser");
  const { Conn } = window.require("WAWebConnModel");
  return {
    pn: getMaybeMePnUser()?._serialized ?? null,
    lid: getMaybeMeLidUser()?._serialized ?? null,
    pushName: Conn.pushname ?? null,
  };
};

export const findMessages = async (keys: readonly string[]): Promise<FoundMessage[]> => {
  const engine = window.engine;
  if (engine === undefined) return [];
  const found = await Promise.all(keys.map((key) => engine.find(key)));
  return found.filter((message) => message !== null);
};

/** Whether there are messages in a chat with somebody, but entries of these types and messages of ours that did not get out. */
export const knowsChat = async (chatId: string, notices: readonly string[]): Promise<boolean> => {
  if (!/@(c\.us|lid)$/.test(chatId)) return true;
  const { Chat } = window.require("WAWebCollections");
  const { createWid } = window.require("WAWebWidFactory");
  const other = window.require("WAWebApiContact").getAlternateUserWid(createWid(chatId));
  const chats = [chatId, other?._serialized].flatMap((id) => (id === undefined ? [] : (Chat.get(id) ?? [])));
  const counts = ({ id, type, ack }: Msg) => !notices.includes(type) && (!id.fromMe || (ack ?? 0) >= 1);
  for (const chat of chats) {
    if (chat.msgs.getModelsArray().some(counts)) return true;
    const earlier = await window.require("WAWebChatLoadMessages").loadEarlierMsgs({ chat });
    if (earlier?.some((message) => counts(message as Msg))) return true;
  }
  return false;
};

/** Returns whether that is done in another place than the library knows, as since 16 July 2026. */
export const refreshQr = (): boolean => {
  const { Cmd } = window.require("WAWebCmd");
  const moved = Cmd.refreshQR === undefined;
  if (moved) window.require("WAWebLaunchSocketUtils").refreshQR();
  else Cmd.refreshQR!();
  return moved;
};

/** The library would ask for another code every few minutes, and the phone would be notified of each. */
export const stopMoreCodes = (): void => clearInterval(window.codeInterval);

export const logOut = async (): Promise<void> => {
  await window.require("WAWebSocketModel").Socket.logout();
};
