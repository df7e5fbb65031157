import type { PageWindow } from "./window.ts";

declare const window: PageWindow;

/**
 * Since 8 September 2026 WhatsApp Web refuses a file, once it is there, whose type does not fit its message. The library
 * leaves the type out: then it is asked for again with the message's, and from then on at once.
 */
export const mendDownloads = (): void => {
  const engine = window.engine!;
  const { Msg } = window.require("WAWebCollections");
  const { downloadManager } = window.require("WAWebDownloadManager");
  const original = downloadManager.downloadAndMaybeDecrypt;
  let needed = false;

  downloadManager.downloadAndMaybeDecrypt = async (wanted) => {
    const given = (more: object) => original.call(downloadManager, { ...wanted, ...more });
    if (wanted.mimetype !== undefined) return given({});
    const mimetype = Msg.getModelsArray().find(
      ({ directPath }) => directPath === wanted.directPath,
    )?.mimetype;
    if (!mimetype) return given({});
    if (needed) return given({ mimetype });
    try {
      return await given({});
    } catch (cause) {
      // The library tells a file that is gone by this.
      if (typeof (cause as { status?: unknown }).status === "number") throw cause;
      const file = await given({ mimetype }).catch((again: unknown) => {
        if (typeof (again as { status?: unknown }).status !== "number")
          engine.tell({ type: "mend", name: "download_mimetype", failed: true });
        throw again;
      });
      needed = true;
      engine.tell({ type: "mend", name: "download_mimetype" });
      return file;
    }
  };
};
