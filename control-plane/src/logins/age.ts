import { Readable } from "node:stream";
import { AppError } from "@whatsapp-engine/contract/api";
import { Decrypter, Encrypter } from "age-encryption";
import { passphraseIdentity, passphraseRecipient } from "./age-passphrase.ts";
import { invalidBackup } from "./invalid-backup.ts";
import { toWebStream } from "../lib/web-stream.ts";
import type { Spooled } from "./spool.ts";

/** The plain bytes as an age file (https://age-encryption.org/v1) that a passphrase opens, the `age` program's too. */
export function encrypt(plain: Readable, passphrase: string): Readable {
  const encrypter = new Encrypter();
  encrypter.addRecipient(passphraseRecipient(passphrase));
  return through(plain, (bytes) => encrypter.encrypt(bytes));
}

/**
 * Reads an age file as often as is wished; the key is derived once. No part of it is told before it is proven to be
 * genuine. Fails with `wrong_passphrase`, `invalid_backup`.
 */
export function openAge(file: Spooled, passphrase: string): () => Readable {
  const decrypter = new Decrypter();
  decrypter.addIdentity(passphraseIdentity(passphrase));
  return () => {
    const encrypted = file.read();
    const known = (error: unknown) =>
      encrypted.errored ??
      (error instanceof AppError
        ? error
        : invalidBackup("it is no age file, or not complete, or was changed", error));
    return through(encrypted, (bytes) => decrypter.decrypt(bytes), known);
  };
}

/** What the library makes of the stream; `known` says what an error means. */
function through(
  source: Readable,
  make: (bytes: ReadableStream<Uint8Array>) => Promise<ReadableStream<Uint8Array>>,
  known: (error: unknown) => unknown = (error) => error,
): Readable {
  async function* made() {
    try {
      yield* await make(toWebStream(source));
    } catch (error) {
      throw known(error);
    } finally {
      source.destroy();
    }
  }
  return Readable.from(made(), { objectMode: false });
}
