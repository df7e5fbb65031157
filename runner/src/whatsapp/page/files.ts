import type { FileInput, PageWindow } from "./window.ts";

declare const window: PageWindow;

/**
 * Lets the library take files that `keepFile` has put into the page. By itself it has them as base64 in the call, several
 * copies of each, and slower: 5 MB are in the page after 97 ms that way, after 11 ms this way (medians, one run).
 */
export const installFiles = (): void => {
  const { files } = window.engine!;
  const library = window.WWebJS!;
  const original = library.mediaInfoToFile;
  library.mediaInfoToFile = (info) => {
    const bytes = files.get(info.data);
    if (bytes === undefined) return original(info);
    files.delete(info.data);
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
  window.engine!.files.set(name, new Uint8Array(await input.files![0]!.arrayBuffer()));
};

/** Forgets a file that the library did not take. */
export const dropFile = (name: string): void => void window.engine?.files.delete(name);
