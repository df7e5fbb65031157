import {
  MAX_NAME_LENGTH,
  textOrNullSchema,
  toldMimetypeSchema,
  type ActionResult,
} from "@whatsapp-engine/contract/runner";
import type { Page } from "puppeteer-core";
import type wwebjs from "whatsapp-web.js";
import { z } from "zod";
import { within } from "../deadline.ts";
import { readPageError } from "../page-errors.ts";
import type { WhatsAppClient } from "./client.ts";
import { failedToSend, lookAt, untilRevoked, type Target } from "./page/actions.ts";

/** How long WhatsApp gets for what is done to a message, and for a file. A caller of the API waits 20 s. */
const ACTION_MS = 10_000;
const DOWNLOAD_MS = 18_000;

const fileSchema = z.object({
  mimetype: toldMimetypeSchema,
  filename: textOrNullSchema(MAX_NAME_LENGTH),
});

type Open = () => { page: Page; client: wwebjs.Client };

const done: ActionResult = { outcome: "done", detail: null };
const notFound: ActionResult = { outcome: "not_found", detail: "WhatsApp does not know this message." };
const refused = (detail: string): ActionResult => ({ outcome: "refused", detail });
const unknown: ActionResult = {
  outcome: "unknown",
  detail: "WhatsApp did not say in time whether it was done.",
};

/** What the page itself throws has a reason to tell; a page that went away meanwhile has none. */
const isPageGone = (cause: unknown): boolean =>
  /target closed|session closed|context was destroyed|detached|connection closed/i.test(String(cause));

const NOT_EDITABLE =
  "Only a text or a caption of one's own can be edited, and only for 15 minutes after it was sent.";

/** What can be done to a message that there is. */
export const createActions = (open: Open): Pick<WhatsAppClient, "react" | "edit" | "revoke" | "download"> => {
  /** Checks with the page, and does it to the message as the library knows it. */
  const act = async (
    whatsappId: string,
    refusal: (target: Target) => string | null,
    run: (message: wwebjs.Message, key: string) => Promise<ActionResult>,
  ): Promise<ActionResult> => {
    const { page, client } = open();
    const work = async (): Promise<ActionResult> => {
      const target = await page.evaluate(lookAt, whatsappId);
      if (target === null) return notFound;
      const reason = target.deleted ? "The message was deleted." : refusal(target);
      if (reason !== null) return refused(reason);
      const message = await client.getMessageById(target.key);
      return message ? run(message, target.key) : notFound;
    };
    try {
      return (await within(ACTION_MS, work())) ?? unknown;
    } catch (cause) {
      if (isPageGone(cause)) return unknown;
      return refused(`WhatsApp did not take it: ${readPageError(cause)}.`);
    }
  };

  return {
    react: (whatsappId, emoji) =>
      act(
        whatsappId,
        () => null,
        async (message) => {
          await message.react(emoji);
          return done;
        },
      ),

    edit: (whatsappId, text) =>
      act(
        whatsappId,
        ({ canEdit }) => (canEdit ? null : NOT_EDITABLE),
        async (message, key) => {
          const edited = await message.edit(text, { linkPreview: false });
          if (edited === null) return refused(NOT_EDITABLE);
          const failed = await open().page.evaluate(failedToSend, key);
          return failed ? refused("WhatsApp did not take the edit.") : done;
        },
      ),

    revoke: (whatsappId) =>
      act(
        whatsappId,
        // The library would delete it on this side alone.
        ({ canRevoke }) =>
          canRevoke ? null : "The message cannot be deleted for everyone: it is not one's own, or too old.",
        async (message, key) => {
          const revoked = open().page.evaluate(untilRevoked, key);
          await Promise.all([message.delete(true), revoked]);
          return done;
        },
      ),

    download: async (whatsappId) => {
      const { page, client } = open();
      const work = async () => {
        const target = await page.evaluate(lookAt, whatsappId);
        const message = target && (await client.getMessageById(target.key));
        if (!message) return { outcome: "not_found" } as const;
        if (!message.hasMedia) return { outcome: "no_media" } as const;
        const media = (await message.downloadMedia()) as wwebjs.MessageMedia | undefined;
        if (media === undefined) return { outcome: "gone" } as const;
        // The sender of the file named both.
        const { mimetype, filename } = fileSchema.parse(media);
        return {
          outcome: "done",
          bytes: Buffer.from(media.data, "base64"),
          mimetype: mimetype ?? "application/octet-stream",
          filename,
        } as const;
      };
      const download = await within(DOWNLOAD_MS, work());
      if (download === undefined) throw new Error("WhatsApp did not send the file in time.");
      return download;
    },
  };
};
