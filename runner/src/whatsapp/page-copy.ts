import type { Page } from "puppeteer-core";
import { MAX_PAGE_BYTES, type WhatsAppPage } from "@whatsapp-engine/contract/runner";
import type { PinnedPage } from "./pinned-page.ts";

const WHATSAPP_WEB = "https://web.whatsapp.com/";

/**
 * Answers the page's own document from a copy, every time that it is asked for. All else goes its way untouched: puppeteer's
 * interception would stop at every request, and turn Chromium's cache off.
 */
export const serveCopy = async (page: Page, { html }: PinnedPage): Promise<void> => {
  const session = await page.createCDPSession();
  const { frameTree } = await session.send("Page.getFrameTree");
  const body = html.toString("base64");
  session.on("Fetch.requestPaused", ({ requestId, frameId, request }) => {
    const isPage = frameId === frameTree.frame.id && new URL(request.url).pathname === "/";
    const answered = isPage
      ? session.send("Fetch.fulfillRequest", {
          requestId,
          responseCode: 200,
          responseHeaders: [{ name: "content-type", value: "text/html; charset=utf-8" }],
          body,
        })
      : session.send("Fetch.continueRequest", { requestId });
    answered.catch(() => undefined); // the page went away, or elsewhere
  });
  await session.send("Fetch.enable", {
    patterns: [{ urlPattern: `${WHATSAPP_WEB}*`, resourceType: "Document", requestStage: "Request" }],
  });
};

/** Keeps the document that WhatsApp served, until the version is known whose it is. */
export const keepServed = (page: Page) => {
  let html: Promise<string | null> | undefined;
  let served: { version: string; html: Promise<string | null> } | undefined;
  page.on("response", (response) => {
    if (!response.ok() || response.url() !== WHATSAPP_WEB || response.frame() !== page.mainFrame()) return;
    html = response.text().catch(() => null);
  });
  return {
    /** The document there is now is of this version. */
    isOf(version: string): void {
      served = html && { version, html };
      html = undefined;
    },

    async page(): Promise<WhatsAppPage | null> {
      const { version } = served ?? {};
      const text = await served?.html;
      if (!version || !text || Buffer.byteLength(text) > MAX_PAGE_BYTES) return null;
      return { version, html: text };
    },
  };
};
