import { randomBytes } from 'node:crypto';

import { NightshiftError } from '../domain/errors.ts';
import { decryptWithAny, encrypt, keyBytesOf, NONCE_BYTES } from './aesGcm.ts';

/** Seals small secrets for the database, so that a dump or a replica of it gives none away. */
export interface Seal {
  seal(plain: string, place: string): string;
  /** @throws NightshiftError `invalid_config` when it was sealed with none of the keys, or for another place */
  open(sealed: string, place: string): string;
}

/**
 * `place` (such as the row's id) is authenticated, so that a sealed value cannot be moved to another row.
 * @param previous keys that still open what was sealed with them, until all of it is sealed anew
 */
export function sealWith(key: string, ...previous: readonly string[]): Seal {
  const keyBytes = keyBytesOf(key);
  const opening = [keyBytes, ...previous.map(keyBytesOf)];
  return {
    seal(plain, place) {
      const nonce = randomBytes(NONCE_BYTES);
      return Buffer.concat([nonce, encrypt(keyBytes, nonce, Buffer.from(place), Buffer.from(plain))]).toString(
        'base64',
      );
    },
    open(sealed, place) {
      const bytes = Buffer.from(sealed, 'base64');
      const plain = decryptWithAny(opening, place, bytes);
      if (!plain) throw new NightshiftError('invalid_config', `The secrets of ${place} were sealed with another key.`);
      return plain.toString('utf8');
    },
  };
}
