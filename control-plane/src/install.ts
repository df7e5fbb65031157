import { createHmac, randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { OperatorError } from "@whatsapp-engine/contract/api";

const installSchema = z.object({
  /** Labels all that is ours; another installation's containers are never touched. */
  installId: z.string().regex(/^[0-9a-f]{12}$/),
  /** Tokens of runners derive from it. Hex, 32 bytes. */
  masterKey: z.string().regex(/^[0-9a-f]{64}$/),
  /** Recorded at the first start; never changed by itself afterwards. */
  runtime: z.enum(["docker", "process"]).nullable(),
});
export type Install = {
  readonly installId: string;
  readonly runtime: "docker" | "process" | null;
  recordRuntime(runtime: "docker" | "process"): void;
  /** Bearer token of a runner: nothing to store, so that adoption works even after a lost database. */
  runnerToken(runnerId: string): string;
};

/**
 * What makes this data folder one installation: `install.json`, made once, mode 0600. Needs the folder to be held.
 * A folder that has logins already (`inUse`) does not get another one: they belong to the one that is missing.
 */
export function openInstall(dataDir: string, { inUse }: { inUse: boolean }): Install {
  const file = join(dataDir, "install.json");
  if (!existsSync(file)) {
    if (inUse) throw damaged(file, "is missing");
    const fresh = { installId: hex(6), masterKey: hex(32), runtime: null };
    writePrivate(file, `${JSON.stringify(fresh, null, 2)}\n`);
  }
  const install = readInstall(file);
  return {
    installId: install.installId,
    get runtime() {
      return install.runtime;
    },
    recordRuntime(runtime) {
      install.runtime = runtime;
      writePrivate(file, `${JSON.stringify(install, null, 2)}\n`);
    },
    runnerToken: (runnerId) => createHmac("sha256", install.masterKey).update(runnerId).digest("base64url"),
  };
}

/** `where`: what people are told of it; `hint`: how a person at a shell writes it. The key stands in neither. */
export type ApiKey = { key: string; where: string; hint: string };

/** The API key: the given one, or one of our own in `<dataDir>/api-key` (mode 0600), made at the first start. */
export function openApiKey(dataDir: string, given: string | undefined, { inCompose = false } = {}): ApiKey {
  if (given !== undefined) return { key: given, where: "as API_KEY says", hint: "$API_KEY" };
  const file = join(dataDir, "api-key");
  const made = !existsSync(file);
  if (made) writePrivate(file, `${randomBytes(32).toString("base64url")}\n`);
  const key = readFileSync(file, "utf8").trim();
  if (key === "")
    throw new OperatorError(`${file} is empty; put a key into it, or remove it and a new one is made.`);
  const cat = `cat ${/^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`}`;
  // From the host, where people are; `-T`, as a terminal would put a carriage return behind the key.
  const read = inCompose ? `docker compose exec -T engine ${cat}` : cat;
  return { key, where: `${made ? "made now; " : ""}read it with: ${read}`, hint: `$(${read})` };
}

function readInstall(file: string) {
  try {
    return installSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw damaged(file, "cannot be read or is damaged", cause);
  }
}

const damaged = (file: string, what: string, cause?: unknown) =>
  new OperatorError(
    `${file} ${what}; restore it from a backup (without it the running containers and their logins are not recognised as ours).`,
    { cause },
  );

const hex = (bytes: number) => randomBytes(bytes).toString("hex");

function writePrivate(file: string, text: string): void {
  const fresh = `${file}.new`;
  writeFileSync(fresh, text, { mode: 0o600, flush: true });
  renameSync(fresh, file);
}
