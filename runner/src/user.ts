import { stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * From here on this process is `uid`, and never root again: it touches its profile, and starts a browser, with no more
 * rights than these. Code that this user cannot read, as in a checkout below `/root`, is loaded before.
 */
export const becomeUser = async (uid: number): Promise<void> => {
  if (!(await isForAll(process.argv[1]!))) (await import("./whatsapp/wwebjs.ts")).readLibrary();
  process.setgroups!([]);
  process.setgid!(uid);
  process.setuid!(uid);
};

/** Whether every user may read a file. */
const isForAll = async (path: string): Promise<boolean> => {
  const { mode } = await stat(path);
  if ((mode & 0o004) === 0) return false;
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
};
