/** WhatsApp's id of a person, group or list: `user@server`. */
export class Wid {
  declare readonly server: string;
  declare readonly user: string;
  declare readonly _serialized: string;

  constructor(user: string, server: string) {
    this.server = server;
    this.user = user;
    this._serialized = `${user}@${server}`;
  }

  isUser(): boolean {
    return this.server === "c.us" || this.server === "lid";
  }
  isRegularUser(): boolean {
    return this.isUser();
  }
  isLid(): boolean {
    return this.server === "lid";
  }
  isGroup(): boolean {
    return this.server === "g.us";
  }
  isBroadcast(): boolean {
    return this.server === "broadcast";
  }
  isStatus(): boolean {
    return this._serialized === "status@broadcast";
  }
  isNewsletter(): boolean {
    return this.server === "newsletter";
  }
  equals(other: unknown): boolean {
    return String(other) === this._serialized;
  }
  toString(): string {
    return this._serialized;
  }
  toJid(): string {
    return this._serialized.replace(/@c\.us$/, "@s.whatsapp.net");
  }
  /** Ids are texts where they cross to Node as JSON. */
  toJSON(): string {
    return this._serialized;
  }
}

export const createWid = (id: string | Wid): Wid => {
  if (id instanceof Wid) return id;
  const [, user, server] =
    /^([0-9a-zA-Z.:-]+)@(c\.us|s\.whatsapp\.net|lid|g\.us|broadcast|newsletter)$/.exec(String(id)) ?? [];
  if (user === undefined || server === undefined) throw new Error(`wid error: invalid wid ${String(id)}`);
  return new Wid(user, server === "s.whatsapp.net" ? "c.us" : server);
};

const asUserWidOrThrow = (wid: Wid): Wid => {
  if (!wid.isUser()) throw new Error(`wid error: ${wid.toString()} is not a user`);
  return wid;
};

export const widModules = () => ({
  WAWebWidFactory: {
    createWid,
    createWidFromWidLike: createWid,
    asUserWidOrThrow,
    createUserWidOrThrow: createWid,
  },
  WAWebWidToJid: { widToUserJid: (wid: Wid) => wid.toJid(), widToGroupJid: (wid: Wid) => wid.toJid() },
  WAWebJidToWid: { userJidToUserWid: createWid },
});
