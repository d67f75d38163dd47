import type { Readable } from 'node:stream';

/** Where inputs, models, parts and outputs live. Two adapters: a directory, and any S3-compatible store. */
export interface ObjectStore {
  /** Stores the bytes under the key, replacing what was there, all or nothing. */
  put(key: string, body: Uint8Array | string): Promise<void>;
  /** @throws NightshiftError `object_not_found` */
  get(key: string): Promise<Buffer>;
  /** Size in bytes, or undefined when nothing is stored under the key. */
  head(key: string): Promise<{ readonly sizeBytes: number } | undefined>;
  /** Keys that start with the prefix, in ascending order. */
  list(prefix: string): Promise<string[]>;
  /** Like `put`, for bodies that do not fit in memory. */
  putStream(key: string, body: AsyncIterable<Uint8Array | string>): Promise<{ readonly sizeBytes: number }>;
  /** Like `get`, for bodies that do not fit in memory. @throws NightshiftError `object_not_found` */
  getStream(key: string): Promise<Readable>;
  /** Removing what is not there is fine. */
  delete(key: string): Promise<void>;
}
