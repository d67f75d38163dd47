import { createHmac, randomBytes } from 'node:crypto';
import { decrypt, encrypt, keyBytesOf, NONCE_BYTES } from '../../store/aesGcm.ts';

/** Seals the server's task tokens for the car that they are handed to: no other car can use, read or make one. */
export interface TaskTokens {
  seal(vehicleId: string, token: Uint8Array): Uint8Array;
  /** @returns undefined for a token that was not sealed for this car by a gateway with the same secret */
  open(vehicleId: string, sealed: Uint8Array): Uint8Array | undefined;
}

/** Gateways of one secret open each other's tokens, so that a car may come back to any of them. */
export function taskTokensWith(secret: string): TaskTokens {
  // Not the key itself, which seals secrets.
  const key = createHmac('sha256', keyBytesOf(secret)).update('nightshift task tokens').digest();
  return {
    seal(vehicleId, token) {
      const nonce = randomBytes(NONCE_BYTES);
      return Buffer.concat([nonce, encrypt(key, nonce, Buffer.from(vehicleId), token)]);
    },
    open(vehicleId, sealed) {
      try {
        return decrypt(
          key,
          Buffer.from(sealed.subarray(0, NONCE_BYTES)),
          Buffer.from(vehicleId),
          sealed.subarray(NONCE_BYTES),
        );
      } catch {
        return undefined;
      }
    },
  };
}
