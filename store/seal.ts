import { randomBytes } from 'node:crypto';

import { NightshiftError } from '../domain/errors.ts';
import { decrypt, encrypt, keyBytesOf, NONCE_BYTES } from './aesGcm.ts';

/** Seals small secrets for the database, so that a dump or a replica of it gives none away. */
export interface Seal {
  seal(plain: string, place: string): string;
  /** @throws NightshiftError `invalid_config` when it was sealed with another key, or for another place */
  open(sealed: string, place: string): string;
}

/** `place` (such as the row's id) is authenticated, so that a sealed value cannot be moved to another row. */
export function sealWith(key: string): Seal {
  const keyBytes = keyBytesOf(key);
  return {
    seal(plain, place) {
      const nonce = randomBytes(NONCE_BYTES);
      return Buffer.concat([nonce, encrypt(keyBytes, nonce, Buffer.from(place), Buffer.from(plain))]).toString(
        'base64',
      );
    },
    open(sealed, place) {
      const bytes = Buffer.from(sealed, 'base64');
      try {
        const nonce = bytes.subarray(0, NONCE_BYTES);
        return decrypt(keyBytes, nonce, Buffer.from(place), bytes.subarray(NONCE_BYTES)).toString('utf8');
      } catch (cause) {
        throw new NightshiftError('invalid_config', `The secrets of ${place} were sealed with another key.`, { cause });
      }
    },
  };
}
