import { OperatorError } from "@whatsapp-engine/contract/api";
import { readEnvFile } from "./env-file.ts";
import { unknownSettings } from "./unknown-settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment, and what the file `.env` says beside it (the environment comes first), with what an operator should
 * know of both. With Compose, which hands on what `.env` says itself, the file is only looked through for names.
 */
export function readEnvironment(given: Environment): { environment: Environment; warnings: string[] } {
  const ofCompose = given["ENV_FILE_OF_COMPOSE"];
  const file = ofCompose === undefined ? readEnvFile(".env") : readIfPossible(ofCompose);
  return {
    environment: ofCompose === undefined ? { ...file, ...given } : given,
    warnings: unknownSettings({ environment: given, inFile: Object.keys(file) }),
  };
}

export const isInCompose = (given: Environment): boolean => given["ENV_FILE_OF_COMPOSE"] !== undefined;

/** The engine's container may not read what is its owner's alone; then there is nothing to say. */
function readIfPossible(path: string): Record<string, string> {
  try {
    return readEnvFile(path);
  } catch (error) {
    if (error instanceof OperatorError) return {};
    throw error;
  }
}
