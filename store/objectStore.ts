import { NightshiftError } from '../domain/errors.ts';

/** Where inputs, models, parts and outputs live. Two adapters: a directory, and any S3-compatible store. */
export interface ObjectStore {
  /** Stores the bytes under the key, replacing what was there, all or nothing. */
  put(key: string, body: Uint8Array | string): Promise<void>;
  /**
   * As `put`, without holding the bytes in memory. Chunks are written later than they are taken: they must stay as they
   * are. When `body` throws, nothing is stored and its error is thrown.
   * @returns the number of bytes stored.
   */
  putStream(key: string, body: AsyncIterable<Uint8Array>): Promise<number>;
  /** @throws NightshiftError `object_not_found` */
  get(key: string): Promise<Buffer>;
  /**
   * The bytes in order, without holding them in memory. Settles before the first byte is read.
   * @param fromByte where to begin, to go on with a reading that was broken off; at most the object's size
   * @throws NightshiftError `object_not_found`
   */
  getStream(key: string, fromByte?: number): Promise<AsyncIterable<Uint8Array>>;
  /** Size in bytes, or undefined when nothing is stored under the key. */
  head(key: string): Promise<{ readonly sizeBytes: number } | undefined>;
  /** Keys that start with the prefix, in ascending order. */
  list(prefix: string): Promise<string[]>;
  /** Removes what is stored under the key, if anything is. */
  delete(key: string): Promise<void>;
}

const SEGMENT = /^[A-Za-z0-9_=-][A-Za-z0-9._=-]{0,199}$/;
const MAX_KEY_CHARACTERS = 800;

/**
 * Checks a key: segments of letters, digits and `._=-`, not starting with a dot, joined by `/`. So no key leaves the
 * store's folder or bucket, and every key is a file name on every system.
 * @throws NightshiftError `invalid_request`
 */
export function checkKey(key: string): void {
  if (key.length > MAX_KEY_CHARACTERS || !key.split('/').every((segment) => SEGMENT.test(segment))) {
    throw new NightshiftError('invalid_request', `"${key.slice(0, MAX_KEY_CHARACTERS)}" is not an object key.`, {
      field: 'key',
    });
  }
}

/** Checks a prefix for `list`: a key, a key and `/`, or a key whose last segment is cut short. */
export function checkPrefix(prefix: string): void {
  if (prefix !== '') checkKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
}

export function objectNotFound(key: string): NightshiftError {
  return new NightshiftError('object_not_found', `Nothing is stored under "${key}".`);
}

/** What is read, or undefined when nothing is stored under its key. */
export async function unlessNotFound<Found>(reading: Promise<Found>): Promise<Found | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof NightshiftError && error.code === 'object_not_found') return undefined;
    throw error;
  }
}
