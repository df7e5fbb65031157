import { createHash, randomUUID } from "node:crypto";

export type StoredMedia = { bytes: Buffer; sha256: string; mimetype: string };

/** Bytes that pages uploaded, and that they can download. */
export const createMediaStore = () => {
  const stored = new Map<string, StoredMedia>();
  /** The same file is kept once, as WhatsApp's servers do; by SHA-256. */
  const files = new Map<string, Buffer>();

  return {
    /** Keeps the bytes; answers the path under which pages find them. */
    put: (bytes: Buffer, mimetype: string): string => {
      const path = `/mms/${randomUUID()}`;
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const file = files.get(sha256) ?? bytes;
      files.set(sha256, file);
      stored.set(path, { bytes: file, mimetype, sha256 });
      return path;
    },
    remove: (path: string): void => void stored.delete(path),
    get: (path: string | undefined): StoredMedia | undefined =>
      path === undefined ? undefined : stored.get(path),
  };
};
export type MediaStore = ReturnType<typeof createMediaStore>;
