import type { Credentials, PageConfig, Push } from "../wire.ts";
import { createChats } from "./chat.ts";
import { createContacts } from "./contact.ts";
import { createDevice } from "./device.ts";
import { createDoings } from "./doings.ts";
import { crash, hang } from "./failures.ts";
import { createLimits } from "./limits.ts";
import { openLink } from "./link.ts";
import { createMedia } from "./media.ts";
import { createMessages } from "./msg.ts";
import { createRegistry } from "./registry.ts";
import { createSend } from "./send.ts";
import { createSocket } from "./socket.ts";
import { createSurroundings } from "./surroundings.ts";
import { showWhatsNew } from "./whats-new.ts";
import { widModules } from "./wid.ts";

declare global {
  interface Window {
    simulation: PageConfig;
    Debug: { VERSION: string };
  }
}

const { version, ways } = window.simulation;
const link = openLink((push) => react(push));
const device = createDevice();
const socket = createSocket(link, device, ways);
const messages = createMessages(link, ways);
const contacts = createContacts(link, socket.mePn);
const chats = createChats(link, messages, contacts, ways);
const limits = createLimits();
const send = createSend(link, messages, chats, ways);
const doings = createDoings(link, messages, socket.cmd, ways);
const { collections, modules } = createSurroundings();

/** WhatsApp Web is not connected before its login is kept: what is said meanwhile waits. */
let keeping: Promise<void> | undefined;
const keep = (credentials: Credentials): void => {
  keeping = device.keep(credentials).finally(() => (keeping = undefined));
};

const react = (said: Push): void => {
  if (keeping !== undefined) return void keeping.then(() => react(said));
  switch (said.push) {
    case "state":
      return socket.setState(said);
    case "linked":
      return keep(said.credentials);
    case "passkey":
      return socket.askForPasskey(said.asked);
    case "account":
      contacts.forget();
      contacts.know(said.people);
      limits.set(said.limits);
      socket.setAccount(said.me);
      contacts.load(said.contacts);
      return chats.load(said.chats);
    case "book":
      contacts.know(said.people);
      contacts.load(said.contacts);
      return chats.load(said.chats);
    case "message":
      contacts.know(said.people);
      return chats.receive(said.message, said.chat);
    case "changed":
      return chats.change(said.key, said.message);
    case "reaction":
      contacts.know(said.people);
      return doings.react(said);
    case "call":
      contacts.know(said.people);
      return doings.ring(said);
    case "ack":
      return messages.acknowledge(said.key, said.ack, said.error);
    case "limits":
      return limits.set(said.limits);
    case "logout":
      return void socket.leave();
    case "whatsNew":
      return showWhatsNew(link);
    case "mark":
      return void socket.caughtUp().then(() => link.call("reached", { mark: said.mark }));
    case "reload":
      return location.reload();
    case "forget":
      return void device.forget();
    case "failStorage":
      return void socket.failStorage(said.wiped);
    case "hang":
      return hang(said.milliseconds);
    case "crash":
      return crash();
  }
};

const modulesByName = createRegistry([
  {
    WAWebCollections: {
      ...collections,
      ...doings.collections,
      Msg: messages.all,
      Chat: chats.all,
      Contact: contacts.all,
    },
  },
  widModules(),
  device.modules,
  socket.modules,
  contacts.modules,
  chats.modules,
  send.modules,
  limits.modules,
  doings.modules,
  createMedia(ways).modules,
  modules,
]);
Object.assign(window, { require: modulesByName });
window.Debug = { VERSION: version };
if (!ways.neverReady)
  void device.credentials().then((credentials) => link.call("hello", { keys: device.keys, credentials }));
