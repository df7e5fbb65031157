import { parseArgs } from "node:util";
import { SetupError } from "./run.mjs";

export const HELP = `Makes this machine ready for "npm start" and "npm test". Quick and harmless to run again.

  npm run setup                      all that is missing
  npm run setup -- --runtime docker  only what the Docker runtime needs (no Chromium on this machine)
  npm run setup -- --runtime process only what the process runtime needs (no Docker engine, no image)
  npm run setup -- --runtime auto    both; without a usable Docker engine, the process runtime (default)
  npm run setup -- --no-install      installs and starts nothing, only says what is missing (exit code 1 then)
  npm run setup -- --skip-image      does not build the runner image
  npm run setup -- --yes             does not ask before it installs packages (it never asks without a terminal)
  npm run setup -- --help            this text

It may install, with apt-get and as root (or through sudo): docker.io, chromium-headless-shell (where there is no
such package: Google Chrome from dl.google.com), mmdebstrap (if the base image cannot be pulled), and python3, make
and g++ (if better-sqlite3 has to be compiled; what was compiled is kept in ~/.cache/whatsapp-engine, so that another
checkout need not); npm test installs php-cli, php-curl, ffmpeg, and small programs that make other files. It starts
the Docker engine if it is installed but does not run.`;

const RUNTIMES = ["auto", "docker", "process"];

/** The command line as choices. Throws a `SetupError` for one that does not exist. */
export const parseOptions = (args) => {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        runtime: { type: "string", default: "auto" },
        "no-install": { type: "boolean", default: false },
        "skip-image": { type: "boolean", default: false },
        yes: { type: "boolean", short: "y", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }));
  } catch (error) {
    throw new SetupError(`${error.message.split(". ")[0]}; see: npm run setup -- --help`);
  }
  if (!RUNTIMES.includes(values.runtime))
    throw new SetupError(`--runtime is one of ${RUNTIMES.join(", ")}, not "${values.runtime}".`);
  return {
    help: values.help,
    install: !values["no-install"],
    image: !values["skip-image"],
    yes: values.yes,
    docker: values.runtime !== "process",
    process: values.runtime !== "docker",
    /** Whether the machine will do without the Docker engine if it cannot have one. */
    dockerOptional: values.runtime === "auto",
  };
};
