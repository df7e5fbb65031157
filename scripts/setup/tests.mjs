// What only the tests need of a machine; npm runs it before `npm test`.
import { parseOptions } from "./options.mjs";
import { ensureFileTools, ensurePhp, ensureProxies } from "./packages.mjs";
import { SetupError } from "./run.mjs";

try {
  const options = parseOptions(process.argv.slice(2));
  await ensurePhp(options);
  await ensureFileTools(options);
  await ensureProxies(options);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
