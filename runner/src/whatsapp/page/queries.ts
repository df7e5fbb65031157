import type { FoundMessage, InboundMessage } from "../client.ts";
import type { PageWindow } from "./window.ts";

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

/** Messages of people (not WhatsApp's own notices) that came in since then. */
export const receivedSince = (unixSeconds: number, notices: readonly string[]): InboundMessage[] => {
  const { Msg } = window.require("WAWebCollections");
  return Msg.getModelsArray()
    .filter(({ id, t, type }) => !id.fromMe && t !== undefined && t >= unixSeconds && !notices.includes(type))
    .map((message) => ({
      key: message.id.toString(),
      from: message.from?._serialized ?? message.id.remote._serialized,
      kind: message.type,
      body: (message.directPath === undefined ? message.body : message.caption) ?? "",
      unixSeconds: message.t ?? 0,
    }));
};

/** Types of entries in a chat that are not messages of a person. */
export const noticeTypes = [
  "gp2",
  "e2e_notification",
  "notification",
  "notification_template",
  "broadcast_notification",
  "group_notification",
  "protocol",
  "ciphertext",
  "revoked",
  "call_log",
  "debug",
] as const;

export const refreshQr = (): void => window.require("WAWebCmd").Cmd.refreshQR();

export const logOut = async (): Promise<void> => {
  await window.require("WAWebSocketModel").Socket.logout();
};
