import type { MsgKey, PageEngine, PageWindow } from "./window.ts";

declare const window: PageWindow;

/**
 * From WhatsApp Web 2.3000.1042401057 on, a message key holds its text in `$1` and has no `_serialized`, which
 * the library reads everywhere. An accessor under the new name keeps an own `_serialized` on each key: own,
 * because what crosses to Node copies own properties only. Returns whether there was anything to mend.
 */
export const mendMessageKeys = (): boolean => {
  const { prototype } = window.require("WAWebMsgKey");
  const source = Function.prototype.toString.call(prototype.toString);
  const name = /\bthis\.([\w$]+)/.exec(source)?.[1];
  if (name === undefined || name === "_serialized") return false;

  Object.defineProperty(prototype, name, {
    configurable: true,
    get(this: { _serialized?: string }) {
      return this._serialized;
    },
    set(this: object, text: string) {
      Object.defineProperty(this, "_serialized", {
        value: text,
        configurable: true,
        enumerable: true,
        writable: true,
      });
    },
  });

  const migrate = (key: MsgKey | undefined) => {
    const own = key === undefined ? undefined : Object.getOwnPropertyDescriptor(key, name);
    if (own === undefined) return;
    const fields = key as unknown as Record<string, unknown>;
    delete fields[name];
    fields[name] = own.value;
  };
  const { Msg, Chat } = window.require("WAWebCollections");
  for (const message of Msg.getModelsArray()) migrate(message.id);
  for (const chat of Chat.getModelsArray()) migrate(chat.lastReceivedKey);
  return true;
};

/** Makes `window.engine`, which the other scripts use; `installInbound` adds to it. */
export const installEngine = (): void => {
  const { Msg } = window.require("WAWebCollections");

  const siblingOf = (key: string): string | null => {
    const [fromMe, remote, ...rest] = key.split("_");
    if (remote === undefined) return null;
    const { createWid } = window.require("WAWebWidFactory");
    const { getAlternateUserWid } = window.require("WAWebApiContact");
    try {
      const other = getAlternateUserWid(createWid(remote));
      return other ? [fromMe, other._serialized, ...rest].join("_") : null;
    } catch {
      return null; // a group has no other id
    }
  };

  const gates = new Map<string, { pass: () => void; refuse: (cause: Error) => void }>();
  const engine: Omit<
    PageEngine,
    | "idOf"
    | "isMe"
    | "phoneNumberOf"
    | "refusalOf"
    | "received"
    | "edited"
    | "revoked"
    | "reacted"
    | "called"
    | "fileNamed"
  > = {
    inHand: new Map(),
    files: new Map(),
    tell: (report) => window.tellEngine(JSON.stringify(report)),
    decision: (ref) => new Promise((pass, refuse) => gates.set(ref, { pass, refuse })),
    decide: (ref, refusal) => {
      const gate = gates.get(ref);
      gates.delete(ref);
      if (refusal === null) gate?.pass();
      else gate?.refuse(new Error(refusal));
    },
    describe: (message) => ({
      key: message.id.toString(),
      shortId: message.id.id,
      ack: message.ack ?? 0,
      unixSeconds: message.t ?? null,
      refusal: window.engine!.refusalOf(message),
    }),
    model: async (key) => {
      const [fromMe, , shortId] = key.split("_");
      const held =
        Msg.get(key) ??
        Msg.getModelsArray().find(({ id }) => String(id.fromMe) === fromMe && id.id === shortId);
      if (held !== undefined) return held;
      const sibling = siblingOf(key);
      const stored = await Msg.getMessagesById(sibling === null ? [key] : [key, sibling]);
      return stored?.messages?.find((candidate) => candidate !== undefined) ?? null;
    },
    find: async (key) => {
      const message = await engine.model(key);
      return message && engine.describe(message);
    },
  };
  window.engine = engine as PageEngine;
};

/** Tells acks of our messages. */
export const watchMessages = (): void => {
  const engine = window.engine!;
  const { Msg } = window.require("WAWebCollections");
  Msg.on("change:ack", (message) => {
    if (!message.id.fromMe) return;
    if (engine.inHand.has(message.id.id)) engine.inHand.set(message.id.id, "acked");
    engine.tell({ type: "ack", message: engine.describe(message) });
  });
  Msg.on("add", (message) => {
    if (engine.inHand.get(message.id.id) !== "missing") return;
    engine.inHand.delete(message.id.id);
    engine.tell({ type: "ack", message: engine.describe(message) });
  });
};
