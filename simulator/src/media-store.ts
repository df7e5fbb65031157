import { createHash, randomUUID } from "node:crypto";

export type StoredMedia = { bytes: Buffer; sha256: string; mimetype: string };

/** Bytes that pages uploaded, and that they can download. */
export const createMediaStore = () => {
  const stored = new Map<string, StoredMedia>();

  return {
    /** Keeps the bytes; answers the path under which pages find them. */
    put: (bytes: Buffer, mimetype: string): string => {
      const path = `/mms/${randomUUID()}`;
      stored.set(path, { bytes, mimetype, sha256: createHash("sha256").update(bytes).digest("hex") });
      return path;
    },
    remove: (path: string): void => void stored.delete(path),
    get: (path: string | undefined): StoredMedia | undefined =>
      path === undefined ? undefined : stored.get(path),
  };
};
export type MediaStore = ReturnType<typeof createMediaStore>;
