import type { PageWindow } from "./window.ts";

declare const window: PageWindow;

/**
 * Puts a gate before WhatsApp Web's own send call. A message of ours (it carries `engineRef`) passes only when
 * the runner has its key on the disk, so that whatever happens later is known to be about that key. What the
 * call comes to, which the library drops, is told too, and after `queuedMs` that a message waits in the queue.
 * `refused`: WhatsApp's code rejected both that the message stands in its chat and that it was sent, and no message has
 * its key. So it ended before there was a message, and nothing can go out any more.
 */
export const gateSends = (queuedMs: number, bothWithinMs: number): void => {
  const engine = window.engine!;
  const actions = window.require("WAWebSendMsgChatAction");
  const original = actions.addAndSendMsgToChat;

  actions.addAndSendMsgToChat = (chat, message) => {
    // Since 17 September 2026 a file's model has this, empty; copied into the message it takes the place of its id.
    if ("__x_id" in message && !message.__x_id) {
      delete message.__x_id;
      engine.tell({ type: "mend", name: "media_id" });
    }
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

    const end = async (failure: string | null, bothRejected = false) => {
      const told = engine.inHand.get(shortId) === "acked";
      const found = told ? null : await engine.find(key);
      if (told || found !== null) engine.inHand.delete(shortId);
      else engine.inHand.set(shortId, "missing");
      const refused = bothRejected && found === null;
      if (!told) engine.tell({ type: "after_send", ref, found, failure, refused });
    };
    const wordsOf = (cause: unknown) =>
      `${String(cause)}\n${cause instanceof Error ? (cause.stack ?? "") : ""}`.slice(0, 4_000);
    /** One that failed alone proves nothing; the other gets a moment to fail too. */
    const fail = async (cause: unknown) => {
      const late = new Promise<null>((resolve) => setTimeout(resolve, bothWithinMs, null));
      const both = await Promise.race([Promise.allSettled([added, result]), late]);
      await end(
        wordsOf(cause),
        both?.every(({ status }) => status === "rejected"),
      );
    };
    const tellQueued = async () => {
      if (engine.inHand.get(shortId) !== "sending") return;
      const found = await engine.find(key);
      if (found !== null) engine.tell({ type: "after_send", ref, found, failure: null, refused: false });
    };
    added.then(() => setTimeout(() => void tellQueued(), queuedMs)).catch(() => undefined);
    const ended = () => Promise.all([added, result]).then(() => end(null), fail);
    allowed.then(ended).catch(() => undefined); // refused: the caller hears it from `added`
    return [added, result];
  };
};
