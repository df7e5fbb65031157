import type { PageWindow } from "./window.ts";

declare const window: PageWindow;

/**
 * Since 8 September 2026 WhatsApp Web refuses a file, once it is there, whose type does not fit its message. The library
 * leaves the type out: then it is asked for again with the message's, and from then on at once. `keptMost`: of messages that
 * the page read from its disk, how many it is known for. `failuresMost`: after so many files in a row that came by neither way
 * the mend counts as one that does not help; a network that fails looks the same for one.
 */
export const mendDownloads = (keptMost: number, failuresMost: number): void => {
  const engine = window.engine!;
  const { Msg } = window.require("WAWebCollections");
  const { downloadManager } = window.require("WAWebDownloadManager");
  const original = downloadManager.downloadAndMaybeDecrypt;
  const fromDisk = new Map<string, string>();
  let needed = false;
  let failures = 0;

  const read = Msg.getMessagesById;
  Msg.getMessagesById = async (keys) => {
    const answer = await read.call(Msg, keys);
    for (const { directPath, mimetype } of answer?.messages?.filter((message) => message !== undefined) ??
      []) {
      if (!directPath || !mimetype) continue;
      fromDisk.set(directPath, mimetype);
      if (fromDisk.size > keptMost) fromDisk.delete(fromDisk.keys().next().value!);
    }
    return answer;
  };
  const typeOf = (path: string | undefined): string | undefined =>
    Msg.getModelsArray().find(({ directPath }) => directPath === path)?.mimetype ?? fromDisk.get(path ?? "");

  downloadManager.downloadAndMaybeDecrypt = async (wanted) => {
    const given = (more: object) => original.call(downloadManager, { ...wanted, ...more });
    if (wanted.mimetype !== undefined) return given({});
    const mimetype = typeOf(wanted.directPath);
    if (!mimetype) return given({});
    if (needed) return given({ mimetype });
    try {
      const file = await given({});
      failures = 0;
      return file;
    } catch (cause) {
      // The library tells a file that is gone by this.
      if (typeof (cause as { status?: unknown }).status === "number") throw cause;
      const file = await given({ mimetype }).catch((again: unknown) => {
        if (typeof (again as { status?: unknown }).status !== "number" && ++failures >= failuresMost)
          engine.tell({ type: "mend", name: "download_mimetype", failed: true });
        throw again;
      });
      needed = true;
      engine.tell({ type: "mend", name: "download_mimetype" });
      return file;
    }
  };
};
