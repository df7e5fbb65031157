import { readFileSync, statSync } from "node:fs";
import { OperatorError } from "@whatsapp-engine/contract/api";
import { secretNames } from "./config.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A secret is a line; what is larger is another file by mistake. */
const MAX_BYTES = 4096;

/**
 * Settings whose value stands in a file, as Docker's and Kubernetes' secrets do: `API_KEY_FILE` names the file of `API_KEY`.
 * The line's end does not count. Throws an `OperatorError` that names the setting and the file, never what is in it.
 */
export function withSecretFiles(environment: Environment): Environment {
  const read = secretNames.flatMap((name) => {
    const path = environment[`${name}_FILE`];
    if (path === undefined || path === "") return [];
    if (environment[name] !== undefined && environment[name] !== "")
      throw new OperatorError(`${name} and ${name}_FILE are both given; give one of them.`);
    return [[name, readSecret(`${name}_FILE`, path)] as const];
  });
  return { ...environment, ...Object.fromEntries(read) };
}

function readSecret(setting: string, path: string): string {
  const fail = (what: string, cause?: unknown) =>
    new OperatorError(`${setting}: ${path} ${what}; give the path of a file that holds the secret alone.`, {
      cause,
    });
  let secret: string;
  try {
    const found = statSync(path);
    if (!found.isFile()) throw fail("is not a file");
    if (found.size > MAX_BYTES) throw fail(`is larger than ${MAX_BYTES} bytes`);
    secret = readFileSync(path, "utf8").trim();
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = { ENOENT: "is missing", EACCES: "may not be read by this user" }[code ?? ""];
    throw fail(why ?? `cannot be read (${message})`, cause);
  }
  if (secret === "") throw fail("is empty");
  return secret;
}
