import { createAccounts, type Account } from "./accounts.ts";
import { pause } from "./clock.ts";
import { createDirectory } from "./directory.ts";
import { createDoings } from "./doings.ts";
import { createFaults } from "./faults.ts";
import { createMediaStore } from "./media-store.ts";
import { createOutbox } from "./outbox.ts";
import { createPageSession, type PageSession } from "./page-session.ts";
import { defaultSettings } from "./settings.ts";
import type { Build } from "./builds.ts";
import type { Calls, CallName, Listing, Push } from "./wire.ts";

type Handlers = { [Name in CallName]: (input: Calls[Name][0]) => Calls[Name][1] | Promise<Calls[Name][1]> };

/** WhatsApp as far as the simulator has one: accounts, numbers, and the pages that are open. */
export const createWorld = (build?: Build) => {
  const settings = defaultSettings(build);
  const directory = createDirectory(settings);
  const accounts = createAccounts(directory);
  const faults = createFaults();
  const media = createMediaStore();
  const pages = new Set<PageSession>();

  const pagesOf = (account: Account) => [...pages].filter((page) => page.account() === account);
  const tell = (account: Account, what: Push) => {
    for (const page of pagesOf(account)) page.tell(what);
  };
  const doings = createDoings({ settings, directory, tell });
  const outbox = createOutbox({
    settings,
    faults,
    directory,
    media,
    tellAccount: (account, key, ack, error) =>
      tell(account, { push: "ack", key, ack, ...(error !== undefined && { error }) }),
  });

  /** WhatsApp serves one page of a linked browser: the newest. */
  const onLogin = (page: PageSession, account: Account) => {
    outbox.loseQueue(account, page);
    for (const other of pages) {
      if (other !== page && other.connected() && other.deviceId() === page.deviceId())
        other.setState("CONFLICT");
    }
  };

  const onConnected = (page: PageSession, reason: "start" | "restore") => {
    const account = page.account();
    if (!account) return;
    if (reason === "start") outbox.resumeQueue(account, page);
    outbox.flush(account);
  };

  /** Connects a page that has loaded; answers what its calls do. */
  const connectPage = (build: Build, version: string, push: (push: Push) => void) => {
    const page = createPageSession({ build, version }, push, {
      settings,
      accounts,
      people: doings.people,
      onLogin,
      onConnected,
    });
    pages.add(page);

    const account = (): Account => {
      const linked = page.account();
      if (!linked) throw new Error("This page is not linked to an account.");
      return linked;
    };
    const find = (id: string): Listing | null => {
      if (!id.endsWith("@g.us")) return directory.find(id);
      const group = account().history.group(id);
      return group ? { pn: id, lid: id, chat: id, group } : null;
    };

    const handlers: Handlers = {
      hello: ({ keys, credentials }) => page.hello(keys, credentials),
      listening: () => page.listening(),
      refreshQr: () => page.refreshQr(),
      pairingCode: async ({ phoneNumber }) => {
        if (!(await doings.asSet(() => {}))) throw new Error("rate-overlimit");
        return page.requestPairingCode(phoneNumber);
      },
      logout: async () => {
        if (!(await doings.asSet(() => page.endLogin(false)))) throw new Error("The logout was turned down.");
      },
      takeover: () => {
        page.setState("CONNECTED");
        onLogin(page, account());
      },
      send: (message) => outbox.send(page, account(), message),
      find: async ({ id }) => {
        if (settings.delays.findMs > 0) await pause(settings.delays.findMs);
        return find(id);
      },
      messages: ({ keys }) => keys.flatMap((key) => account().history.find(key) ?? []),
      earlier: ({ chat, before }) => {
        page.chatRead(chat);
        return account().history.earlier(chat, before);
      },
      reached: ({ mark }) => page.reached(mark),
      windowAnswered: () => page.windowAnswered(),
      seen: ({ chat }) => account().history.seen(chat),
      react: ({ key, emoji }) => doings.asSet(() => doings.react(account(), key, account().me.pn, emoji)),
      edit: ({ key, text, at }) => doings.asSet(() => doings.edit(account(), key, text, at)),
      forget: ({ key }) => account().history.remove(doings.messageOf(account(), key)),
      revoke: ({ key }) => doings.asSet(() => doings.revoke(account(), key)),
    };

    return {
      handlers,
      close: () => {
        pages.delete(page);
        page.close();
      },
    };
  };

  return {
    settings,
    directory,
    accounts,
    faults,
    media,
    doings,
    outbox,
    pages,
    pagesOf,
    tell,
    connectPage,
  };
};
export type World = ReturnType<typeof createWorld>;
