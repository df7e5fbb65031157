import type { Ways } from "../builds.ts";
import { keyText, type MessageKey } from "../wire.ts";
import { createWid, type Wid } from "./wid.ts";

type Given = {
  id: string;
  /** A key that exists … */
  fromMe?: boolean;
  remote?: Wid;
  /** … or one for a message that goes out. */
  from?: Wid;
  to?: Wid;
  selfDir?: "in" | "out";
  participant?: Wid | undefined;
  self?: "in" | "out" | undefined;
};

class Key {
  declare readonly fromMe: boolean;
  declare readonly remote: Wid;
  declare readonly id: string;
  declare readonly participant?: Wid;
  declare readonly self?: "in" | "out";

  constructor({ id, fromMe, remote, from, to, selfDir, participant, self }: Given) {
    const chat = remote ?? (selfDir === "out" ? to : from);
    if (!chat) throw new Error("MsgKey error: no remote");
    this.fromMe = fromMe ?? selfDir === "out";
    this.remote = chat;
    this.id = id;
    if (participant) this.participant = participant;
    const ownSide = self ?? (from !== undefined && to?.equals(from) === true ? selfDir : undefined);
    if (ownSide) this.self = ownSide;
  }

  protected text(): string {
    return keyText(wireKey(this));
  }

  /** As WhatsApp Web makes ids: `3EB0` and 18 hexadecimal digits. */
  static newId(): Promise<string> {
    const bytes = crypto.getRandomValues(new Uint8Array(9));
    return Promise.resolve(
      `3EB0${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
        .join("")
        .toUpperCase()}`,
    );
  }
}

class OldKey extends Key {
  declare readonly _serialized: string;
  constructor(given: Given) {
    super(given);
    this._serialized = this.text();
  }
  override toString(): string {
    return this._serialized;
  }
}

/** Since 2.3000.1042401057: the text moved to `$1`, and nothing is called `_serialized` any more. */
class NewKey extends Key {
  declare readonly $1: string;
  constructor(given: Given) {
    super(given);
    this.$1 = this.text();
  }
  override toString(): string {
    return this.$1;
  }
}

export type MsgKey = Key;
export type MsgKeyClass = new (given: Given) => MsgKey;

export const msgKeyClass = (where: Ways["keyText"]): MsgKeyClass => (where === "$1" ? NewKey : OldKey);

export const wireKey = ({ fromMe, remote, id, participant, self }: MsgKey): MessageKey => ({
  fromMe,
  remote: remote.toString(),
  id,
  ...(participant && { participant: participant.toString() }),
  ...(self && { self }),
});

export const keyFromWire = (
  where: Ways["keyText"],
  { fromMe, remote, id, participant, self }: MessageKey,
): MsgKey =>
  new (msgKeyClass(where))({
    fromMe,
    remote: createWid(remote),
    id,
    participant: participant === undefined ? undefined : createWid(participant),
    self,
  });
