import { Readable } from "node:stream";
import type { ProfileStore } from "../profile-store.ts";
import type { ProfileFolders } from "./profile-folders.ts";

/** Profiles as folders of the data folder. `clear` ends all that is on one: there may be what another engine left. */
export const createFolderProfiles = (
  folders: ProfileFolders,
  clear: (profileId: string) => Promise<void>,
): ProfileStore => ({
  list: () => folders.list(),

  inspect: (profileId) => folders.read(profileId),

  read(profileId) {
    async function* read() {
      await clear(profileId);
      yield* folders.pack(profileId);
    }
    return Readable.from(read(), { objectMode: false });
  },

  async write(profileId, tar) {
    await clear(profileId);
    await folders.unpack(profileId, tar);
  },

  async remove(profileId) {
    await clear(profileId);
    await folders.remove(profileId);
  },
});
