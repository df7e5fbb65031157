import type { PageConfig, Push } from "../wire.ts";
import { createChats } from "./chat.ts";
import { createContacts } from "./contact.ts";
import { createDevice } from "./device.ts";
import { crash, hang } from "./failures.ts";
import { openLink } from "./link.ts";
import { createMedia } from "./media.ts";
import { createMessages } from "./msg.ts";
import { createRegistry } from "./registry.ts";
import { createSend } from "./send.ts";
import { createSocket } from "./socket.ts";
import { createSurroundings } from "./surroundings.ts";
import { widModules } from "./wid.ts";

declare global {
  interface Window {
    simulation: PageConfig;
    Debug: { VERSION: string };
  }
}

const { build, version } = window.simulation;
const link = openLink((push) => react(push));
const device = createDevice();
const socket = createSocket(link, device);
const messages = createMessages(link, build);
const contacts = createContacts(link, socket.mePn);
const chats = createChats(link, messages, contacts);
const send = createSend(link, chats, build);
const { collections, modules } = createSurroundings();

const react = (said: Push): void => {
  switch (said.push) {
    case "state":
      return socket.setState(said);
    case "linked":
      return device.keep(said.credentials);
    case "account":
      contacts.forget();
      socket.setAccount(said.me);
      return chats.load(said.chats);
    case "message":
      return chats.receive(said.message, said.chat);
    case "ack":
      return messages.acknowledge(said.key, said.ack);
    case "logout":
      return socket.leave();
    case "forget":
      return device.forget();
    case "hang":
      return hang(said.milliseconds);
    case "crash":
      return crash();
  }
};

const modulesByName = createRegistry([
  { WAWebCollections: { ...collections, Msg: messages.all, Chat: chats.all, Contact: contacts.all } },
  widModules(),
  device.modules,
  socket.modules,
  contacts.modules,
  chats.modules,
  send.modules,
  createMedia().modules,
  modules,
]);
Object.assign(window, { require: modulesByName });
window.Debug = { VERSION: version };
void link.call("hello", { keys: device.keys, credentials: device.credentials() });
