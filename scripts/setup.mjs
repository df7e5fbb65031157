// Makes a machine ready: npm run setup (-- --help lists the choices). Runs before anything is installed or built,
// so it uses nothing but Node.
import { ensureEngine } from "./setup/engine.mjs";
import { ensureBaseImage, ensureRunnerImage } from "./setup/images.mjs";
import { ensureModules } from "./setup/modules.mjs";
import { HELP, parseOptions } from "./setup/options.mjs";
import { ensureChromium } from "./setup/packages.mjs";
import { SetupError, note, run, say } from "./setup/run.mjs";

const OLDEST_NODE = [20, 19];

const checkNode = () => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]))
    throw new SetupError(
      `Node ${OLDEST_NODE.join(".")} or later is needed; this is ${process.versions.node}.`,
    );
};

/** The engine; false where the machine has to do without and may. */
const prepareDocker = async (options) => {
  try {
    await ensureEngine(options);
  } catch (error) {
    if (!(error instanceof SetupError) || !options.dockerOptional || !options.install) throw error;
    note(error.message);
    note("Doing without the Docker engine; --runtime docker insists on it.");
    return false;
  }
  return true;
};

const ensureImages = async (options) => {
  await ensureBaseImage(options);
  await ensureRunnerImage(options);
};

const setup = async (options) => {
  checkNode();
  say("Looking at this machine");
  /** What `--no-install` finds; otherwise the first thing that is missing and cannot be had ends the set-up. */
  const missing = [];
  const step = async (work) => {
    try {
      return await work();
    } catch (error) {
      if (options.install || !(error instanceof SetupError)) throw error;
      missing.push(error.message);
    }
  };
  if (options.process) await step(() => ensureChromium(options));
  const hasDocker = options.docker && (await step(() => prepareDocker(options)));
  // Each takes minutes on a new machine, and neither needs the other.
  const done = await Promise.allSettled([
    step(() => ensureModules(options)),
    hasDocker && options.image && step(() => ensureImages(options)),
  ]);
  const failed = done.flatMap(({ status, reason }) => (status === "rejected" ? [reason] : []));
  for (const reason of failed) if (!(reason instanceof SetupError)) throw reason;
  if (failed.length > 0) throw new SetupError(failed.map(({ message }) => message).join("\n"));
  if (missing.length > 0) throw new SetupError(missing.join("\n"));
  say("Building");
  await run("npm", ["run", "--silent", "build"]);
  say("Ready: npm start");
  note(
    hasDocker
      ? "Sessions run in Docker containers."
      : "Sessions run as child processes: there is no Docker engine.",
  );
};

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) console.log(HELP);
  else await setup(options);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\n${error.message}`);
  process.exitCode = 1;
}
