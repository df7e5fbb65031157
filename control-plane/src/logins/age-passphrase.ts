import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { AppError } from "@whatsapp-engine/contract/api";
import { Stanza, type Identity, type Recipient } from "age-encryption";
import { invalidBackup } from "./invalid-backup.ts";

/*
 * The library's own passphrases hold the event loop for as long as scrypt takes, seconds in JavaScript. These two do the
 * same by Node's, beside it: the scrypt recipient of https://c2sp.org/age.
 */

/** The default of `age`: 256 MB and about a second for each guess. A file that asks for more is refused. */
const WORK_FACTOR = 18;
const BLOCK_SIZE = 8;
const SALT_BYTES = 16;
const TAG_BYTES = 16;
const LABEL = "age-encryption.org/v1/scrypt";
/** Each key is used once. */
const NONCE = Buffer.alloc(12);

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);

function keyOf(passphrase: string, salt: Buffer, workFactor: number): Promise<Buffer> {
  const N = 2 ** workFactor;
  const maxmem = 2 * 128 * N * BLOCK_SIZE;
  return derive(passphrase, Buffer.concat([Buffer.from(LABEL), salt]), 32, {
    N,
    r: BLOCK_SIZE,
    p: 1,
    maxmem,
  });
}

/** `workFactor`: base-2 logarithm of scrypt's N. */
export const passphraseRecipient = (passphrase: string, workFactor = WORK_FACTOR): Recipient => ({
  async wrapFileKey(fileKey) {
    const salt = randomBytes(SALT_BYTES);
    const key = await keyOf(passphrase, salt, workFactor);
    const cipher = createCipheriv("chacha20-poly1305", key, NONCE, { authTagLength: TAG_BYTES });
    const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
    const unpadded = salt.toString("base64").replace(/={1,2}$/, "");
    return [new Stanza(["scrypt", unpadded, String(workFactor)], body)];
  },
});

/** Fails with `wrong_passphrase`, or `invalid_backup` for a file that no passphrase opens. Remembers the file's key. */
export function passphraseIdentity(passphrase: string): Identity {
  let known: Promise<Uint8Array> | undefined;
  return { unwrapFileKey: (stanzas) => (known ??= unwrap(stanzas, passphrase)) };
}

async function unwrap(stanzas: readonly Stanza[], passphrase: string): Promise<Uint8Array> {
  const [stanza, ...others] = stanzas;
  const [type, salt, workFactor, ...more] = stanza?.args ?? [];
  if (type !== "scrypt" || others.length > 0) throw invalidBackup("it is not one that a passphrase opens");
  const isOurs = /^[A-Za-z0-9+/]{22}$/.test(salt ?? "") && /^[1-9]\d?$/.test(workFactor ?? "");
  if (!isOurs || more.length > 0 || stanza!.body.length !== SALT_BYTES + TAG_BYTES)
    throw invalidBackup("its header was changed");
  if (Number(workFactor) > WORK_FACTOR)
    throw invalidBackup(`its scrypt work factor is ${workFactor}, and no more than ${WORK_FACTOR} is taken`);
  const key = await keyOf(passphrase, Buffer.from(salt!, "base64"), Number(workFactor));
  const cipher = createDecipheriv("chacha20-poly1305", key, NONCE, { authTagLength: TAG_BYTES });
  cipher.setAuthTag(stanza!.body.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([cipher.update(stanza!.body.subarray(0, -TAG_BYTES)), cipher.final()]);
  } catch (cause) {
    throw new AppError("wrong_passphrase", "The passphrase does not open this file. Nothing was changed.", {
      cause,
    });
  }
}
