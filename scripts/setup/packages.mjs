import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { SetupError, ask, hasCommand, note, root, run, say } from "./run.mjs";

let updated = false;

/** Apt does one thing at a time, and so does whoever is asked. */
let installing = Promise.resolve();

/** Installs Debian packages, after saying which and what for. Rejects where that is not wanted or not possible. */
export const installPackages = (...wanted) => {
  const installed = installing.then(() => install(...wanted));
  installing = installed.catch(() => {});
  return installed;
};

const install = async (packages, why, options) => {
  say(`Missing: ${packages.join(", ")} (${why})`);
  if (!options.install) throw new SetupError(`Install it with: apt-get install ${packages.join(" ")}`);
  if (!hasCommand("apt-get"))
    throw new SetupError(
      `This machine has no apt-get; install ${why} by its own means, then run npm run setup once more.`,
    );
  await confirm(`Install ${packages.join(", ")} with apt-get?`, options);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  if (!updated) await run("apt-get", ["update", "--quiet"], { asRoot: true, env });
  updated = true;
  await run("apt-get", ["install", "--yes", "--quiet", "--no-install-recommends", ...packages], {
    asRoot: true,
    env,
  });
};

const confirm = async (question, { yes }) => {
  if (yes || !process.stdin.isTTY) return;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`    ${question} [Y/n] `);
  terminal.close();
  if (/^n/i.test(answer.trim())) throw new SetupError("Nothing was installed.");
};

/** Whether apt knows a real package of this name. Ubuntu's chromium-browser is a stand-in for a snap. */
const isAvailable = (name) => {
  const { stdout } = ask("apt-cache", ["policy", name]);
  return /Candidate: (?!\(none\))/.test(stdout) && !/Candidate: .*snap/.test(stdout);
};

const CHROMIUM_FILES = ["/usr/lib/chromium/chromium-headless-shell", "/usr/lib/chromium/chromium"];
const CHROMIUM_COMMANDS = ["chromium-headless-shell", "google-chrome-stable", "google-chrome", "chromium"];
const CHROME_URL = "https://dl.google.com/linux/direct/google-chrome-stable_current_amd64.deb";

/** Sees to a Chromium on this machine, for the process runtime and the tests. */
export const ensureChromium = async (options) => {
  const path = process.env.CHROMIUM_PATH;
  if (path && !existsSync(path)) throw new SetupError(`CHROMIUM_PATH ${path} does not exist.`);
  const found = path || CHROMIUM_FILES.find(existsSync) || CHROMIUM_COMMANDS.find(hasCommand);
  if (found) return note(`Chromium: ${found}`);
  const wanted = ["chromium-headless-shell", "chromium"];
  let name = wanted.find(isAvailable);
  if (!name && options.install && hasCommand("apt-get")) {
    await run("apt-get", ["update", "--quiet"], { asRoot: true });
    updated = true;
    name = wanted.find(isAvailable);
  }
  if (name || process.arch !== "x64") return installPackages([name ?? wanted[0]], "Chromium", options);
  say(`Missing: Chromium; this distribution has no package of it, so Google Chrome comes from ${CHROME_URL}`);
  if (!options.install) throw new SetupError(`Install ${CHROME_URL}, or set CHROMIUM_PATH.`);
  const file = "/tmp/google-chrome.deb";
  const answer = await fetch(CHROME_URL).catch(() => undefined);
  if (!answer?.ok)
    throw new SetupError(`${CHROME_URL} cannot be fetched; install a Chromium and set CHROMIUM_PATH.`);
  const { writeFile } = await import("node:fs/promises");
  await writeFile(file, Buffer.from(await answer.arrayBuffer()));
  await installPackages([file], "Google Chrome", options);
};

/** Sees to a PHP with its curl, as which the calling application is played by a test. */
export const ensurePhp = async (options) => {
  const { stdout } = hasCommand("php") ? ask("php", ["-m"]) : { stdout: "" };
  if (/^curl$/m.test(stdout)) return;
  await installPackages(["php-cli", "php-curl"], "PHP for the tests", options);
};

const FILE_TOOLS = ["ffmpeg", "zip", "bsdtar", "gsf", "heif-enc", "qpdf", "sox"];
const FILE_PACKAGES = [
  "ffmpeg",
  "zip",
  "libarchive-tools",
  "libgsf-bin",
  "libheif-examples",
  "qpdf",
  "sox",
  "libsox-fmt-base",
];
const OFFICE_PACKAGES = ["python3-docx", "python3-openpyxl", "python3-odf"];

/** Sees to the programs with which a test makes files of every format. */
export const ensureFileTools = async (options) => {
  const hasOffice = ask("/usr/bin/python3", ["-c", "import docx, openpyxl, odf"]).ok;
  if (hasOffice && FILE_TOOLS.every(hasCommand)) return;
  await installPackages([...FILE_PACKAGES, ...OFFICE_PACKAGES], "makers of files for the tests", options);
  // Debian 13 keeps the encoder of HEIC by itself.
  const encoder = "libheif-plugin-x265";
  if (isAvailable(encoder)) await installPackages([encoder], "HEIC for the tests", options);
};

/** The proxies that `docs/proxy` has files for, as a test runs them: unpacked, since a package that is installed starts its program. */
const PROXIES = ["nginx", "nginx-light", "caddy"];

export const ensureProxies = async (options) => {
  if (!hasCommand("openssl")) await installPackages(["openssl"], "certificates for the tests", options);
  const folder = join(root, "node_modules/.cache/proxies");
  const isThere = (path) => existsSync(join(folder, path)) || existsSync(join("/", path));
  if (["usr/sbin/nginx", "usr/bin/caddy"].every(isThere)) return;
  say(`Missing: nginx, caddy (proxies for the tests); they are unpacked into ${folder}, not installed`);
  if (!options.install)
    throw new SetupError("Run npm test on a machine that may fetch them, or install nginx and caddy.");
  if (!hasCommand("apt-get"))
    throw new SetupError("This machine has no apt-get; install nginx and caddy by its own means.");
  if (!updated) await run("apt-get", ["update", "--quiet"], { asRoot: true });
  updated = true;
  mkdirSync(folder, { recursive: true });
  const names = PROXIES.filter(isAvailable);
  const unpack =
    'cd "$0" && apt-get download --quiet "$@" && for one in *.deb; do dpkg-deb -x "$one" . && rm "$one"; done';
  await run("sh", ["-c", unpack, folder, ...names]);
};
