import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { installPackages } from "./packages.mjs";
import { SetupError, ask, hasCommand, note, root, run, runUnlessSilent, say } from "./run.mjs";

const RUNNER_IMAGE = process.env.RUNNER_IMAGE ?? "whatsapp-engine-runner:latest";
/** Before the output of what builds images, while npm's packages are seen to. */
const LABEL = "image";
const BASE_IMAGE = "node:24-bookworm-slim";
/** Says of which sources an image was built, so that a stale one is known. */
const SOURCE_LABEL = "io.whatsapp-engine.source";
/** A registry that can be reached answers in a second or two; the download itself may take as long as it takes. */
const PULL_SILENCE_MS = 20_000;

const inspect = (image, format) => ask("docker", ["image", "inspect", "--format", format, image]);

/** Sees to the base image: pulled, or built without a registry. */
export const ensureBaseImage = async (options) => {
  if (inspect(BASE_IMAGE, "{{.Id}}").ok) return note(`Base image: ${BASE_IMAGE}`);
  if (!options.install) throw new SetupError(`The base image ${BASE_IMAGE} is missing; run npm run setup.`);
  say(`Pulling ${BASE_IMAGE}`);
  if (await runUnlessSilent("docker", ["pull", BASE_IMAGE], PULL_SILENCE_MS)) return;
  say(
    `${BASE_IMAGE} cannot be pulled here; building it from Debian's and npm's packages, about half a minute`,
  );
  if (!hasCommand("mmdebstrap")) await installPackages(["mmdebstrap"], "to build the base image", options);
  await run(join(root, "docker/base-image.sh"), [], { asRoot: true, label: LABEL });
};

/** Builds the runner image if it is missing, or its sources or base have changed. */
export const ensureRunnerImage = async (options) => {
  const sources = hashSources();
  const found = inspect(RUNNER_IMAGE, `{{index .Config.Labels "${SOURCE_LABEL}"}}`);
  if (found.ok && found.stdout === sources) return note(`Runner image: ${RUNNER_IMAGE}, up to date`);
  if (!options.install) throw new SetupError(`${RUNNER_IMAGE} is missing or stale; run npm run setup.`);
  say(
    `Building ${RUNNER_IMAGE} (${found.ok ? "its sources have changed" : "about two minutes the first time"})`,
  );
  const label = `${SOURCE_LABEL}=${sources}`;
  const args = ["build", "--file", "Dockerfile.runner", "--label", label, "--tag", RUNNER_IMAGE, "."];
  await run("docker", args, { label: LABEL });
};

/** Everything that goes into the runner image, names and contents. */
const hashSources = () => {
  const hash = createHash("sha256").update(inspect(BASE_IMAGE, "{{.Id}}").stdout);
  const single = [
    "Dockerfile.runner",
    ".dockerignore",
    ".npmrc",
    "package.json",
    "package-lock.json",
    "tsconfig.base.json",
    "scripts/bundle.mjs",
  ];
  const files = [...single, ...["contract", "processes", "runner"].flatMap(filesIn)];
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest("hex").slice(0, 16);
};

/** As in .dockerignore. */
const IGNORED = /^(node_modules|dist|build|test-support)$|\.test\.ts$/;

const filesIn = (folder) =>
  readdirSync(join(root, folder))
    .filter((name) => !IGNORED.test(name))
    .toSorted()
    .flatMap((name) => {
      const path = `${folder}/${name}`;
      return statSync(join(root, path)).isDirectory() ? filesIn(path) : [path];
    });
