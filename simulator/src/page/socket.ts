import type { Ways } from "../builds.ts";
import type { Me } from "../wire.ts";
import type { Device } from "./device.ts";
import type { Link } from "./link.ts";
import { Emitter, Model } from "./model.ts";
import { createWid, type Wid } from "./wid.ts";

/** Clearing its databases takes real WhatsApp Web a moment between the unlinking and the page that follows it. */
const CLEARING_MS = 250;

/** What a worker says comes later than what the page hears by itself, in its order. */
const createWorker = () => {
  const worker = new Worker(URL.createObjectURL(new Blob(["onmessage = () => postMessage(null)"])));
  const waiting: (() => void)[] = [];
  worker.addEventListener("message", () => waiting.shift()?.());
  return (run: () => void): void => {
    waiting.push(run);
    worker.postMessage(null); // oxlint-disable-line unicorn/require-post-message-target-origin -- a worker has none
  };
};

class Socket extends Model<{ state: string; hasSynced: boolean }> {
  declare state: string;
  declare hasSynced: boolean;
  #link: Link;
  #leave: () => Promise<void>;

  constructor(link: Link, leave: () => Promise<void>) {
    super({ state: "OPENING", hasSynced: false });
    this.#link = link;
    this.#leave = leave;
  }

  async logout(): Promise<void> {
    await this.#link.call("logout", {});
    setTimeout(() => void this.#leave(), CLEARING_MS);
  }
  takeover(): Promise<void> {
    return this.#link.call("takeover", {});
  }
  /** Reconnecting is the simulator's to decide (`restore`). */
  reconnect(): void {}
}

class Commands extends Emitter {
  #link: Link;

  constructor(link: Link) {
    super();
    this.#link = link;
  }

  /** Somebody else listens and does it. */
  sendRevokeMsgs(...args: unknown[]): void {
    this.trigger("send_revoke_msgs", ...args);
  }
  sendDeleteMsgs(...args: unknown[]): void {
    this.trigger("send_delete_msgs", ...args);
  }

  /** `logout_from_bridge` is the last event that whatsapp-web.js listens for: then the end of sync finds it attached. */
  override on(...[events, listener, context]: Parameters<Emitter["on"]>): this {
    super.on(events, listener, context);
    if (events.includes("logout_from_bridge")) void this.#link.call("listening", {});
    return this;
  }
}

class Stream extends Model<{ mode: string; available: boolean }> {
  declare mode: string;
  declare available: boolean;
  markAvailable(): void {
    this.set({ available: true });
  }
  markUnavailable(): void {
    this.set({ available: false });
  }
}

class Connection extends Model<{
  ref: string | undefined;
  pushname: string | undefined;
  wid: Wid | undefined;
  platform: string;
}> {
  declare ref: string | undefined;
  declare pushname: string | undefined;
  declare wid: Wid | undefined;
  canSetMyPushname(): boolean {
    return true;
  }
}

type SocketChange = { state?: string; ref?: string; synced?: boolean };

/** Connection, login and what the account is called: everything up to `ready`. */
export const createSocket = (link: Link, device: Device, { newCodes, socketInWorker }: Ways) => {
  const cmd = new Commands(link);
  const stream = new Stream({ mode: "QR", available: true });
  const conn = new Connection({ ref: undefined, pushname: undefined, wid: undefined, platform: "android" });
  const linking = new Emitter();
  const told = socketInWorker ? createWorker() : (run: () => void) => run();
  let passkeyScreen: HTMLElement | undefined;
  let me: { pn: Wid; lid: Wid } | undefined;

  const afterLogout = () => location.replace("/?post_logout=1&logout_reason=0");
  const leave = async () => {
    await device.forget();
    cmd.trigger("logout");
    afterLogout();
  };
  const socket = new Socket(link, leave);
  const getMaybeMePnUser = () => me?.pn;
  const getMaybeMeLidUser = () => me?.lid;
  const refreshQR = () => link.call("refreshQr", {});
  if (newCodes === "WAWebCmd") Object.assign(cmd, { refreshQR });

  const apply = ({ state, ref, synced }: SocketChange): void => {
    if (ref !== undefined) conn.set({ ref });
    if (state !== undefined) {
      stream.set({
        mode: state === "CONNECTED" ? "MAIN" : state.startsWith("UNPAIRED") ? "QR" : "SYNCING",
      });
      socket.set({ state });
    }
    if (synced !== undefined) {
      cmd.trigger("offline_progress_update_from_bridge");
      socket.set({ hasSynced: synced });
    }
  };

  return {
    leave,
    /** As far as reports tell, nobody says why it leaves. */
    failStorage: async (wiped: boolean) => {
      if (wiped) await device.forget();
      afterLogout();
    },
    cmd,
    meLid: getMaybeMeLidUser,
    mePn: getMaybeMePnUser,

    askForPasskey: (asked: boolean) => {
      passkeyScreen?.remove();
      passkeyScreen = undefined;
      if (!asked) return;
      passkeyScreen = document.createElement("div");
      passkeyScreen.dataset["testid"] = "shortcake_passkey_screen";
      document.body.append(passkeyScreen);
      linking.trigger("link_device_events:passkey_prologue_request");
    },

    setAccount: ({ pn, lid, pushName }: Me) => {
      me = { pn: createWid(pn), lid: createWid(lid) };
      conn.set({ pushname: pushName, wid: me.pn });
    },

    setState: (change: SocketChange) => told(() => apply(change)),
    /** Resolves when all that was told of its state so far is the page's. */
    caughtUp: () => new Promise<void>(told),

    modules: {
      WAWebSocketModel: { Socket: socket },
      WAWebStreamModel: { Stream: stream },
      WAWebConnModel: { Conn: conn },
      WAWebCmd: { Cmd: cmd },
      WAWebLaunchSocketUtils: { refreshQR },
      WAWebMiscBrowserUtils: { info: () => ({ os: "Linux", name: "Chrome", version: "1" }) },
      WAWebOfflineHandler: {
        OfflineMessageHandler: { getOfflineDeliveryProgress: () => (socket.hasSynced ? 100 : 99) },
      },
      WAWebUserPrefsMeUser: {
        getMaybeMePnUser,
        getMaybeMeLidUser,
        getMaybeMeUser: getMaybeMePnUser,
      },
      WAWebLinkDeviceEvents: linking,
      WAWebAltDeviceLinkingApi: {
        getPairingType: () => (passkeyScreen ? "SHORTCAKE_PASSKEY" : "QR"),
        setPairingType: () => {},
        initializeAltDeviceLinking: async () => {},
        initializeQRLinking: async () => {},
        startAltLinkingFlow: (phoneNumber: string) => link.call("pairingCode", { phoneNumber }),
      },
    },
  };
};
export type SocketArea = ReturnType<typeof createSocket>;
