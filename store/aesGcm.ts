import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';

/** AES-256-GCM, the one cipher for what is kept: secrets in the database and payloads in the object store. */

const ALGORITHM = 'aes-256-gcm';
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/** A configured key as key bytes: its SHA-256. Such a key is random and long, so that no slow derivation is needed. */
export function keyBytesOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** Encrypts and authenticates `plain`, and authenticates `place`. @returns the tag, then the ciphertext */
export function encrypt(key: Buffer, nonce: Buffer, place: Buffer, plain: Uint8Array): Buffer {
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(place);
  const sealed = cipher.update(plain);
  cipher.final();
  return Buffer.concat([cipher.getAuthTag(), sealed]);
}

/** @throws Error when the key, the nonce or the place is another one, or a bit has changed */
export function decrypt(key: Buffer, nonce: Buffer, place: Buffer, sealed: Uint8Array): Buffer {
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(place)
    .setAuthTag(sealed.subarray(0, TAG_BYTES));
  const plain = decipher.update(sealed.subarray(TAG_BYTES));
  decipher.final();
  return plain;
}

/** @param sealed the nonce, the tag, the ciphertext @returns undefined when none of the keys fits */
export function decryptWithAny(keys: readonly Buffer[], place: string, sealed: Uint8Array): Buffer | undefined {
  // What is left out of a message comes as an empty list, which is no array of bytes.
  const bytes = Buffer.from(sealed);
  const nonce = bytes.subarray(0, NONCE_BYTES);
  for (const key of keys) {
    try {
      return decrypt(key, nonce, Buffer.from(place), bytes.subarray(NONCE_BYTES));
    } catch {
      // Sealed with another key, or not by us: the next one is tried.
    }
  }
  return undefined;
}
