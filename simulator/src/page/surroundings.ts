import type { Model } from "./model.ts";
import { Collection, Emitter } from "./model.ts";
import type { Wid } from "./wid.ts";

type Anything = Model<never> & { id: Wid };

/** Links in a text, as WhatsApp Web's linkifier answers them. */
const findLinks = (text?: string) =>
  Array.from((text ?? "").matchAll(/https?:\/\/[^\s<>"]+/g), ([href]) => ({
    href,
    url: href,
    suspiciousCharacters: new Set(),
  }));

/** Calls that ring. */
export class Calls extends Emitter {
  /** whatsapp-web.js looks for a Map among the collection's own properties. */
  readonly callMap = new Map<string, unknown>();
}

class UpdatableCollection extends Collection<Anything> {
  async update(): Promise<void> {}
  async find(): Promise<undefined> {}
}

/** Modules around messages that are asked for but have nothing to do offline. */
export const createSurroundings = () => ({
  collections: {
    GroupMetadata: new UpdatableCollection(),
    WAWebNewsletterCollection: new UpdatableCollection(),
    WAWebNewsletterMetadataCollection: new UpdatableCollection(),
    ProfilePicThumb: new UpdatableCollection(),
    Blocklist: new UpdatableCollection(),
    BusinessProfile: new UpdatableCollection(),
    Label: new UpdatableCollection(),
    Status: new UpdatableCollection(),
  },
  modules: {
    WALinkify: { findLinks, findLink: (text?: string) => findLinks(text)[0] },
    WAWebLinkPreviewChatAction: { getLinkPreview: async () => undefined },
    WAWebAddonPollVoteTableMode: { pollVoteTableMode: { bulkUpsert: async () => {} } },
    WAWebBackendJobsCommon: { mediaTypeFromProtobuf: () => null },
    WAWebE2EProtoUtils: { typeAttributeFromProtobuf: () => "text" },
    WAWebNonMessageDataRequestPlaceholderMessageResendUtils: { handlePlaceholderMsgsSeen: async () => {} },
    WAWebSyncGatingUtils: { isPlaceholderMessageResendEnabled: () => false },
    WAWebChatStateBridge: {
      sendChatStateComposing: async () => {},
      sendChatStateRecording: async () => {},
      sendChatStatePaused: async () => {},
    },
  },
});
