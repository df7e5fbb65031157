import type { FileInput, OutgoingFile, PageWindow } from "./window.ts";

declare const window: PageWindow;

/**
 * Lets the library take files that `keepFile` puts into the page; its call waits for one that is still on the way. By itself it
 * has them as base64 in the call, several copies of each, and slower: 5 MB are in the page after 97 ms that way, after
 * 11 ms this way (medians, one run).
 */
export const installFiles = (): void => {
  const engine = window.engine!;
  const library = window.WWebJS!;
  const { mediaInfoToFile, sendMessage } = library;
  const arrived = new Map<string, Uint8Array<ArrayBuffer>>();

  engine.fileNamed = (name) => {
    const known = engine.files.get(name);
    if (known !== undefined) return known;
    let here!: OutgoingFile["here"], failed!: OutgoingFile["failed"];
    const bytes = new Promise<Uint8Array<ArrayBuffer>>(
      (resolve, reject) => ([here, failed] = [resolve, reject]),
    );
    bytes.catch(() => undefined); // whoever sends the file hears of it
    const file = { bytes, here, failed };
    engine.files.set(name, file);
    return file;
  };
  library.sendMessage = async (chat, content, options) => {
    const name = options.media?.data;
    if (name?.startsWith("file:") !== true) return sendMessage(chat, content, options);
    arrived.set(name, await engine.fileNamed(name).bytes);
    try {
      return await sendMessage(chat, content, options);
    } finally {
      arrived.delete(name);
    }
  };
  library.mediaInfoToFile = (info) => {
    const bytes = arrived.get(info.data);
    if (bytes === undefined) return mediaInfoToFile(info);
    arrived.delete(info.data);
    return new File([bytes], info.filename, { type: info.mimetype, lastModified: Date.now() });
  };
};

/** An input for one file, which DevTools fill from the disk. */
export const makeFileInput = (): FileInput => {
  const input = window.document.createElement("input");
  input.type = "file";
  return input;
};

/** Reads the input's file into the page, under `name`: the file on the disk may go then. */
export const keepFile = async (input: FileInput, name: string): Promise<void> => {
  const file = window.engine!.fileNamed(name);
  try {
    const blob = input.files![0];
    input.value = ""; // the next one must never find this file, should its own not get here
    if (blob === undefined) throw new Error("no file is here");
    file.here(new Uint8Array(await blob.arrayBuffer()));
  } catch (cause) {
    file.failed(cause);
    throw cause;
  }
};

/** Forgets a file; a call that waits for it fails. */
export const dropFile = (name: string): void => {
  window.engine?.files.get(name)?.failed(new Error("The file did not come."));
  window.engine?.files.delete(name);
};
