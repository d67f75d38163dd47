import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

import { NightshiftError } from '../domain/errors.ts';

/** Seals small secrets for the database, so that a dump or a replica of it gives none away. */
export interface Seal {
  seal(plain: string, place: string): string;
  /** @throws NightshiftError `invalid_config` when it was sealed with another key, or for another place */
  open(sealed: string, place: string): string;
}

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM under the key's SHA-256: the key is random and long, so that no slow derivation is needed. `place` (such
 * as the row's id) is authenticated, so that a sealed value cannot be moved to another row.
 */
export function sealWith(key: string): Seal {
  const derived = createHash('sha256').update(key).digest();
  return {
    seal(plain, place) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, derived, nonce).setAAD(Buffer.from(place));
      const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
    },
    open(sealed, place) {
      const bytes = Buffer.from(sealed, 'base64');
      try {
        const decipher = createDecipheriv(ALGORITHM, derived, bytes.subarray(0, NONCE_BYTES))
          .setAAD(Buffer.from(place))
          .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
        const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
        return plain.toString('utf8');
      } catch (cause) {
        throw new NightshiftError('invalid_config', `The secrets of ${place} were sealed with another key.`, { cause });
      }
    },
  };
}
