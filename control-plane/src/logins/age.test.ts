import { mkdtempSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encrypt, openAge } from "./age.ts";
import { passphraseIdentity, passphraseRecipient } from "./age-passphrase.ts";
import { spool, type Spooled } from "./spool.ts";

const PASSPHRASE = "correct horse battery staple ✓";
const PLAIN = Buffer.alloc(200_000, "login");
/** Of scrypt, so that a test takes no second each. */
const EASY = 10;

let dir: string;
let spooled: Spooled | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "age-"));
});
afterEach(async () => {
  await spooled?.close();
  spooled = undefined;
  rmSync(dir, { recursive: true });
});

const tooLarge = () => new Error("too large");
async function file(bytes: Uint8Array | Readable) {
  const source = bytes instanceof Readable ? bytes : Readable.from([Buffer.from(bytes)]);
  spooled = await spool(source, { dir, maxBytes: 1_000_000, tooLarge });
  return spooled;
}
async function sealed(passphrase = PASSPHRASE) {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(EASY);
  encrypter.setPassphrase(passphrase);
  return Buffer.from(await encrypter.encrypt(PLAIN));
}

describe("an age file", () => {
  it("is encrypted and read back, twice, and has no name on the disk", async () => {
    const read = openAge(await file(encrypt(Readable.from([PLAIN]), PASSPHRASE)), PASSPHRASE);
    expect(await readdir(dir)).toEqual([]);
    expect((await buffer(read())).equals(PLAIN)).toBe(true);
    expect((await buffer(read())).equals(PLAIN)).toBe(true);
  });

  it("that cannot be written ends what it is made of", async () => {
    const source = Readable.from([PLAIN]);
    await expect(spool(source, { dir: join(dir, "nowhere"), maxBytes: 1, tooLarge })).rejects.toMatchObject({
      code: "ENOENT",
    });
    expect(source.destroyed).toBe(true);
  });

  it("is what the library makes and reads with a passphrase of its own", async () => {
    const ours = new Encrypter();
    ours.addRecipient(passphraseRecipient(PASSPHRASE, EASY));
    const theirs = new Decrypter();
    theirs.addPassphrase(PASSPHRASE);
    expect(Buffer.from(await theirs.decrypt(await ours.encrypt(PLAIN))).equals(PLAIN)).toBe(true);
    expect((await buffer(openAge(await file(await sealed()), PASSPHRASE)())).equals(PLAIN)).toBe(true);
  });

  it("stays closed to another passphrase", async () => {
    const read = openAge(await file(await sealed()), `${PASSPHRASE} `);
    await expect(buffer(read())).rejects.toMatchObject({ code: "wrong_passphrase" });
  });

  it("is refused where a byte is missing, is changed, or is too many", async () => {
    const whole = await sealed();
    const changed = Buffer.from(whole);
    changed[whole.length - 1]! ^= 1;
    const cut = whole.subarray(0, -1);
    // Exactly at the end of a part: what is there is genuine.
    const atPart = whole.subarray(0, whole.length - (200_000 % 65_536) - 16);
    for (const bytes of [changed, cut, atPart, Buffer.concat([whole, Buffer.alloc(1)]), Buffer.alloc(0)]) {
      const read = openAge(await file(bytes), PASSPHRASE);
      await expect(buffer(read())).rejects.toMatchObject({ code: "invalid_backup" });
      await spooled?.close();
    }
    spooled = undefined;
  });

  it("is refused where it is for a key, or asks for more memory than ours do", async () => {
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(await generateIdentity()));
    const forKey = await encrypter.encrypt(PLAIN);
    await expect(buffer(openAge(await file(forKey), PASSPHRASE)())).rejects.toMatchObject({
      code: "invalid_backup",
    });
    const [stanza] = await passphraseRecipient(PASSPHRASE, EASY).wrapFileKey(new Uint8Array(16));
    stanza!.args[2] = "19";
    await expect(passphraseIdentity(PASSPHRASE).unwrapFileKey([stanza!])).rejects.toMatchObject({
      code: "invalid_backup",
    });
  });

  it("is not made where it would be too large, or what is read breaks off", async () => {
    const tooMuch = encrypt(
      Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(100_000))),
      PASSPHRASE,
    );
    await expect(file(tooMuch)).rejects.toThrow("too large");
    async function* broken() {
      yield PLAIN;
      throw new Error("the engine went away");
    }
    await expect(file(encrypt(Readable.from(broken()), PASSPHRASE))).rejects.toThrow("went away");
    expect(await readdir(dir)).toEqual([]);
  });
});
