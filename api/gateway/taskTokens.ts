import { createHmac, randomBytes } from 'node:crypto';
import { decryptWithAny, encrypt, keyBytesOf, NONCE_BYTES } from '../../store/aesGcm.ts';

/** Seals the server's task tokens for the car that they are handed to: no other car can use, read or make one. */
export interface TaskTokens {
  seal(vehicleId: string, token: Uint8Array): Uint8Array;
  /** @returns undefined for a token that was not sealed for this car by a gateway with one of the secrets */
  open(vehicleId: string, sealed: Uint8Array): Uint8Array | undefined;
}

/**
 * Gateways of one secret open each other's tokens, so that a car may come back to any of them.
 * @param previous secrets whose tokens are still opened: cars hold them over a change
 */
export function taskTokensWith(secret: string, ...previous: readonly string[]): TaskTokens {
  const key = tokenKeyOf(secret);
  const opening = [key, ...previous.map(tokenKeyOf)];
  return {
    seal(vehicleId, token) {
      const nonce = randomBytes(NONCE_BYTES);
      return Buffer.concat([nonce, encrypt(key, nonce, Buffer.from(vehicleId), token)]);
    },
    open: (vehicleId, sealed) => decryptWithAny(opening, vehicleId, sealed),
  };
}

/** Not the secret's own key, which seals what is stored. */
function tokenKeyOf(secret: string): Buffer {
  return createHmac('sha256', keyBytesOf(secret)).update('nightshift task tokens').digest();
}
