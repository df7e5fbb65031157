/** Builds of WhatsApp Web that are played, named by when they were served; the oldest first. */
export const builds = ["spring-2026", "july-2026", "september-2026", "october-2026"] as const;
export type Build = (typeof builds)[number];
export const newestBuild: Build = "october-2026";

export const isBuild = (name: unknown): name is Build => (builds as readonly unknown[]).includes(name);

/** What WhatsApp Web has done in different ways. Each can be set by itself; docs/whatsapp-changes.md has the sources. */
export type Ways = {
  /** Where a message key has its text. */
  keyText: "_serialized" | "$1";
  /** The module that asks for new codes once the first ones ran out. */
  newCodes: "WAWebCmd" | "WAWebLaunchSocketUtils";
  /** A download is refused whose `mimetype` is none of the message's kind, or is left out. Documents may have any. */
  downloadsByMimetype: boolean;
  /** The model of a prepared file has an own, enumerable, empty `__x_id`, which a message made of it takes for its id. */
  emptyMediaId: boolean;
  /** Errors of the page's own scripts read `r: r` outside of it. */
  minifiedErrors: boolean;
  /**
   * The socket stands in a worker, as it does for some accounts. The reports do not say what is different then; here what it tells
   * of its state comes to the page later than all else that is said.
   */
  socketInWorker: boolean;
  /** Its code for files fails, whatever the file. */
  refusesMedia: boolean;
  /** It never shows a code, nor gets a login up. */
  neverReady: boolean;
};

const spring: Ways = {
  keyText: "_serialized",
  newCodes: "WAWebCmd",
  downloadsByMimetype: false,
  emptyMediaId: false,
  minifiedErrors: false,
  socketInWorker: false,
  refusesMedia: false,
  neverReady: false,
};
const september: Ways = { ...spring, keyText: "$1", downloadsByMimetype: true, emptyMediaId: true };

/** A version of that time, as WhatsApp numbers them, and what it does. */
export const played: Readonly<Record<Build, { version: string; ways: Ways }>> = {
  "spring-2026": { version: "2.3000.1042401056", ways: spring },
  "july-2026": {
    version: "2.3000.1042401057",
    ways: { ...spring, keyText: "$1", newCodes: "WAWebLaunchSocketUtils" },
  },
  "september-2026": { version: "2.3000.1048653945", ways: september },
  "october-2026": {
    version: "2.3000.1049007170",
    ways: { ...september, newCodes: "WAWebLaunchSocketUtils", minifiedErrors: true },
  },
};
