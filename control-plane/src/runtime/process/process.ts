import { AppError } from "@whatsapp-engine/contract/api";
import { endOnProfiles, ProfileInUse } from "@whatsapp-engine/processes";
import type { Runtime } from "../runtime.ts";
import { createProfileFolders } from "./profile-folders.ts";
import { createFolderProfiles } from "./profile-store.ts";
import { createProcessHost, type ProcessHostOptions } from "./runner-host.ts";
import type { UidRange } from "./users.ts";

export type ProcessRuntimeOptions = Omit<ProcessHostOptions, "folders" | "clear" | "uids"> & {
  /** Users for the sessions, one each, where the engine is root. */
  uids: UidRange;
};

/** Sessions as child processes, with their profiles in the data folder. */
export const createProcessRuntime = (options: ProcessRuntimeOptions): Runtime => {
  const { dataDir, environment, log } = options;
  const uids = process.getuid?.() === 0 ? options.uids : undefined;
  const folders = createProfileFolders({ dataDir, uids, searchPath: environment["PATH"] ?? "" });

  const clear = async (profileId: string): Promise<void> => {
    const ended = await endOnProfiles([await folders.place(profileId)]).catch((cause: unknown) => {
      if (!(cause instanceof ProfileInUse)) throw cause;
      throw new AppError("runner_unavailable", cause.message, { cause });
    });
    if (ended > 0) log.warn({ profileId, ended }, "Processes on a profile without a runner were ended");
  };

  return {
    host: createProcessHost({ ...options, folders, clear, uids }),
    profiles: createFolderProfiles(folders, clear),
  };
};
