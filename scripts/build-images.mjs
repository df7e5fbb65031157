// Builds the base image and the runner image where they are missing or stale: node scripts/build-images.mjs
// Needs a Docker engine that answers; npm run setup sees to one.
import { ensureBaseImage, ensureRunnerImage } from "./setup/images.mjs";
import { SetupError } from "./setup/run.mjs";

try {
  const options = { install: true, yes: true };
  await ensureBaseImage(options);
  await ensureRunnerImage(options);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
