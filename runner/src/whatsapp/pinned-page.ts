import { within } from "../deadline.ts";

/** The one document to open as WhatsApp Web. */
export type PinnedPage = { version: string; html: Buffer };

/** How long the control plane gets to hand the document over; it does so when it first connects. */
const HANDED_OVER_MS = 20_000;

/** Waits for the copy of the version that this runner is pinned to. */
export const createPageWait = (
  version: string | null,
  awaits: (version: string | null) => void,
  waitMs = HANDED_OVER_MS,
) => {
  let answer: (html: Buffer | null) => void = () => undefined;
  const given = new Promise<Buffer | null>((resolve) => (answer = resolve));
  let done = version === null;
  return {
    /** The document; null: no version is pinned. Throws where it does not come. */
    async page(): Promise<PinnedPage | null> {
      if (version === null) return null;
      awaits(version);
      const html = await within(waitMs, given);
      done = true;
      awaits(null);
      if (html) return { version, html };
      throw new Error(
        `The session is pinned to WhatsApp Web ${version}, and the engine handed no copy of it over within ${waitMs / 1000} s.`,
      );
    },

    /** Returns whether it was of use. */
    give(html: Buffer): boolean {
      answer(html);
      return !done;
    },

    /** Waits no more. */
    stop: (): void => answer(null),
  };
};
