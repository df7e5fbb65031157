import type { PageWindow } from "./window.ts";

declare const window: PageWindow;

/**
 * Puts a gate before WhatsApp Web's own send call. A message of ours (it carries `engineRef`) passes only when
 * the runner has its key on the disk, so that whatever happens later is known to be about that key. What the
 * call comes to, which the library drops, is told too, and after `queuedMs` that a message waits in the queue.
 */
export const gateSends = (queuedMs: number): void => {
  const engine = window.engine!;
  const actions = window.require("WAWebSendMsgChatAction");
  const original = actions.addAndSendMsgToChat;

  actions.addAndSendMsgToChat = (chat, message) => {
    const ref = message.engineRef;
    if (ref === undefined) return original.call(actions, chat, message);
    delete message.engineRef;
    const shortId = message.id.id;
    const key = message.id.toString();

    const allowed = engine.decision(ref);
    engine.tell({ type: "before_send", ref, key });
    const passed = allowed.then(() => {
      engine.inHand.set(shortId, "sending");
      return original.call(actions, chat, message);
    });
    const added = passed.then(([first]) => first);
    const result = passed.then(([, second]) => second);

    const end = async (failure: string | null) => {
      const told = engine.inHand.get(shortId) === "acked";
      const found = told ? null : await engine.find(key);
      if (told || found !== null) engine.inHand.delete(shortId);
      else engine.inHand.set(shortId, "missing");
      if (!told) engine.tell({ type: "after_send", ref, found, failure });
    };
    const tellQueued = async () => {
      if (engine.inHand.get(shortId) !== "sending") return;
      const found = await engine.find(key);
      if (found !== null) engine.tell({ type: "after_send", ref, found, failure: null });
    };
    added.then(() => setTimeout(() => void tellQueued(), queuedMs)).catch(() => undefined);
    const ended = () =>
      Promise.all([added, result]).then(
        () => end(null),
        (cause: unknown) => end(String(cause)),
      );
    allowed.then(ended).catch(() => undefined); // refused: the caller hears it from `added`
    return [added, result];
  };
};
