import type { Ways } from "../builds.ts";
import { pageError } from "./page-error.ts";
import { encodeB64 } from "./device.ts";
import { Model } from "./model.ts";

class OpaqueData {
  readonly #blob: Blob;

  private constructor(blob: Blob) {
    this.#blob = blob;
  }
  static async createFromData(blob: Blob, mimetype: string): Promise<OpaqueData> {
    return new OpaqueData(
      blob.type === mimetype
        ? blob
        : new File([blob], blob instanceof File ? blob.name : "", { type: mimetype }),
    );
  }
  get type(): string {
    return this.#blob.type;
  }
  get size(): number {
    return this.#blob.size;
  }
  get filename(): string | undefined {
    return this.#blob instanceof File ? this.#blob.name : undefined;
  }
  forceToBlob(): Blob {
    return this.#blob;
  }
  formData(): Blob {
    return this.#blob;
  }
  /** Nothing is drawn, so nothing needs an address. */
  url(): string {
    return "";
  }
  autorelease(): void {}
}

type MediaAttributes = {
  type: string;
  mimetype: string;
  filename: string | undefined;
  filehash: string;
  size: number;
  isGif: boolean;
  mediaBlob: OpaqueData;
};

class MediaData extends Model<MediaAttributes> {
  declare mediaBlob: OpaqueData;
}

class MediaObject {
  type = "";
  size = 0;
  contentInfo: Record<string, unknown> = {};
  mediaBlob: OpaqueData | undefined;
  readonly filehash: string;

  constructor(filehash: string) {
    this.filehash = filehash;
  }
  consolidate({ type, size, mediaBlob }: MediaAttributes): void {
    Object.assign(this, { type, size, mediaBlob });
  }
}

type Wanted = { asSticker?: boolean; asGif?: boolean; isPtt?: boolean; asDocument?: boolean };

const kindOf = (mimetype: string, { asSticker, isPtt, asDocument }: Wanted): string => {
  if (asDocument) return "document";
  if (asSticker) return "sticker";
  const [family] = mimetype.split("/");
  if (family === "audio") return isPtt ? "ptt" : "audio";
  return family === "image" || family === "video" ? family : "document";
};

type Download = { directPath: string; type: string; mimetype?: string };

/** Whether a file may be of a message of this type. */
const fits = ({ type, mimetype = "application/octet-stream" }: Download): boolean => {
  const family = { ptt: "audio", sticker: "image" }[type] ?? type;
  return type === "document" || mimetype.startsWith(`${family}/`);
};

/** Media on its way out and in. Bytes pass unchanged; real WhatsApp Web recompresses pictures. */
export const createMedia = ({ downloadsByMimetype, emptyMediaId, minifiedErrors, refusesMedia }: Ways) => {
  const objects = new Map<string, MediaObject>();

  const prepRawMedia = (raw: OpaqueData, wanted: Wanted) => ({
    waitForPrep: async () => {
      if (refusesMedia) throw pageError("MediaPrepFailed", minifiedErrors);
      const bytes = await raw.forceToBlob().arrayBuffer();
      const made = new MediaData({
        type: kindOf(raw.type, wanted),
        mimetype: raw.type,
        filename: raw.filename,
        filehash: encodeB64(await crypto.subtle.digest("SHA-256", bytes)),
        size: raw.size,
        isGif: wanted.asGif === true,
        mediaBlob: raw,
      });
      return emptyMediaId ? Object.assign(made, { __x_id: undefined }) : made;
    },
  });

  const getOrCreateMediaObject = (filehash: string): MediaObject => {
    const known = objects.get(filehash) ?? new MediaObject(filehash);
    objects.set(filehash, known);
    return known;
  };

  const upload = async ({ mediaObject }: { mediaObject: MediaObject }) => {
    if (!mediaObject.mediaBlob) return { mediaEntry: undefined };
    const answer = await fetch("/mms/upload", { method: "POST", body: mediaObject.mediaBlob.forceToBlob() });
    if (!answer.ok) return { mediaEntry: undefined };
    const { directPath } = (await answer.json()) as { directPath: string };
    // The object is a cache: with the bytes at the server it need not hold them.
    mediaObject.mediaBlob = undefined;
    return {
      mediaEntry: {
        mmsUrl: new URL(directPath, location.href).href,
        deprecatedMms3Url: directPath,
        directPath,
        mediaKey: encodeB64(crypto.getRandomValues(new Uint8Array(32))),
        mediaKeyTimestamp: Math.floor(Date.now() / 1000),
        encFilehash: mediaObject.filehash,
        uploadHash: mediaObject.filehash,
      },
    };
  };

  /** Stickers go up as they are. */
  const encryptAndUpload = async ({ blob, mediaKey }: { blob: Blob; mediaKey: string }) => {
    const answer = await fetch("/mms/upload", { method: "POST", body: blob });
    if (!answer.ok) throw new Error("upload failed");
    const { directPath } = (await answer.json()) as { directPath: string };
    const encFilehash = encodeB64(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
    return {
      url: new URL(directPath, location.href).href,
      directPath,
      encFilehash,
      mediaKey,
      mimetype: blob.type,
    };
  };

  const downloadAndMaybeDecrypt = async (wanted: Download): Promise<ArrayBuffer> => {
    const answer = await fetch(wanted.directPath);
    if (!answer.ok) throw Object.assign(new Error("media not found"), { status: answer.status });
    const bytes = await answer.arrayBuffer();
    if (downloadsByMimetype && !fits(wanted)) throw pageError("InvalidMediaFileType", minifiedErrors);
    return bytes;
  };

  return {
    modules: {
      WAWebMediaOpaqueData: OpaqueData,
      WAWebPrepRawMedia: { prepRawMedia },
      WAWebMediaStorage: { getOrCreateMediaObject },
      WAWebMmsMediaTypes: {
        msgToMediaType: ({ type }: { type: string }) => type,
        castToV4: (type: string) => type,
      },
      WAWebMediaDataUtils: { shouldUseMediaCache: () => false },
      WAWebMediaInMemoryBlobCache: { InMemoryMediaBlobCache: { put: () => {} } },
      WAMediaCalculateFilehash: {
        getRandomFilehash: async () => encodeB64(crypto.getRandomValues(new Uint8Array(32))),
      },
      WAWebMediaMmsV4Upload: { uploadMedia: upload, uploadUnencryptedMedia: upload },
      WAWebUploadManager: { encryptAndUpload },
      WAWebStartMediaUploadQpl: { startMediaUploadQpl: () => ({}) },
      WAWebDownloadManager: { downloadManager: { downloadAndMaybeDecrypt } },
    },
  };
};
