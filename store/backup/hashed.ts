import { createHash } from 'node:crypto';

/** Bytes that are hashed as they pass. */
export interface HashedBytes {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Of all of them, hex; to be asked once, after they have passed. */
  readonly sha256: () => string;
}

export function hashed(source: AsyncIterable<Uint8Array>): HashedBytes {
  const hash = createHash('sha256');
  async function* passing(): AsyncIterable<Uint8Array> {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
  }
  return { bytes: passing(), sha256: () => hash.digest('hex') };
}
