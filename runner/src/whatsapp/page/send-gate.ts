import type { PageWindow } from "./window.ts";

declare const window: PageWindow;

/**
 * Puts a gate before WhatsApp Web's own send call. A message of ours (it carries `engineRef`) passes only when
 * the runner has its key on the disk, so that whatever happens later is known to be about that key. What the
 * call comes to, which the library drops, is told too.
 */
export const gateSends = (): void => {
  const engine = window.engine!;
  const actions = window.require("WAWebSendMsgChatAction");
  const original = actions.addAndSendMsgToChat;

  actions.addAndSendMsgToChat = (chat, message) => {
    const ref = message.engineRef;
    if (ref === undefined) return original.call(actions, chat, message);
    delete message.engineRef;
    const key = engine.keyText(message.id);

    const allowed = window.tellEngine({ type: "before_send", ref, key });
    const passed = allowed.then(() => original.call(actions, chat, message));
    const added = passed.then(([first]) => first);
    const result = passed.then(([, second]) => second);

    const tell = async (outcome: string) => {
      const found = await engine.find(key);
      if (found === null) engine.awaited.add(message.id.id);
      await window.tellEngine({ type: "after_send", ref, found, result: outcome });
    };
    const failed = (cause: unknown) => tell(`failed: ${String(cause)}`);
    void allowed.then(
      () =>
        Promise.all([added, result]).then(
          ([, value]) => tell(typeof value === "object" ? String(value.messageSendResult) : String(value)),
          failed,
        ),
      () => undefined,
    );
    return [added, result];
  };
};
