import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { OperatorError } from "@whatsapp-engine/contract/api";

/** Debian's own places first: what stands in `/usr/bin` there is a wrapper that adds arguments. */
const PLACES = ["/usr/lib/chromium/chromium-headless-shell", "/usr/lib/chromium/chromium"];
const NAMES = [
  "chromium-headless-shell",
  "google-chrome-stable",
  "google-chrome",
  "chromium",
  "chromium-browser",
];

/** The Chromium to run: the given one, else the first found. Throws an `OperatorError` saying what to install. */
export const findChromium = async (given: string | undefined, searchPath: string): Promise<string> => {
  if (given !== undefined) {
    if (await isExecutable(given)) return given;
    throw new OperatorError(`CHROMIUM_PATH ${given} is not an executable file.`);
  }
  const folders = searchPath.split(delimiter).filter((folder) => folder !== "");
  const candidates = [...PLACES, ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))];
  for (const candidate of candidates) if (await isExecutable(candidate)) return candidate;
  throw new OperatorError(
    "Chromium is missing; install it with npm run setup, or set CHROMIUM_PATH to its executable.",
  );
};

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
