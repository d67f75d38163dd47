import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from 'node:crypto';

/** Bytes of a seed, of a secret key and of a public key. */
export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What stands before the 32 bytes of an X25519 key in PKCS #8 and in SPKI (RFC 8410). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_HEAD = Buffer.from('302a300506032b656e032100', 'hex');

/** A pair of X25519 keys, 32 bytes each. */
export interface KeyPair {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
}

export function newKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return {
    secret: new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-KEY_BYTES)),
    public: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES)),
  };
}

/**
 * What two parties know and nobody else: HKDF (RFC 5869) of their X25519 agreement.
 * @param use so that keys for different uses and rounds have nothing to do with each other
 * @throws Error for a public key that no honest party has
 */
export function agreedKey(secret: Uint8Array, publicKey: Uint8Array, use: string): Uint8Array {
  const agreed = diffieHellman({
    privateKey: createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, secret]), format: 'der', type: 'pkcs8' }),
    publicKey: createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: 'der', type: 'spki' }),
  });
  return new Uint8Array(hkdfSync('sha256', agreed, Buffer.alloc(0), use, KEY_BYTES));
}

export function newSeed(): Uint8Array {
  return new Uint8Array(randomBytes(KEY_BYTES));
}

/** Adds the mask of a seed to whole numbers modulo 2^32, in place, or takes it off. The mask is AES-256's stream in counter mode. */
export function addMask(numbers: Uint32Array, seed: Uint8Array, sign: 1 | -1): void {
  const stream = createCipheriv('aes-256-ctr', seed, Buffer.alloc(16));
  const bytes = stream.update(Buffer.alloc(numbers.byteLength));
  for (let i = 0; i < numbers.length; i++) {
    // Lists of 32 bits wrap by themselves.
    numbers[i] = (numbers[i] ?? 0) + sign * bytes.readUInt32LE(4 * i);
  }
}

/** For one party's eyes: AES-256-GCM under a key that is used for this alone. */
export function seal(key: Uint8Array, text: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return new Uint8Array(Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]));
}

/** @throws Error for a text that was not sealed with this key */
export function unseal(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  const bytes = Buffer.from(sealed);
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  return new Uint8Array(Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]));
}
