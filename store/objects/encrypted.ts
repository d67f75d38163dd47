import { createHmac, hkdfSync, randomBytes } from 'node:crypto';

import { NightshiftError } from '../../domain/errors.ts';
import { decrypt, encrypt, keyBytesOf, NONCE_BYTES, TAG_BYTES } from '../aesGcm.ts';
import type { ObjectStore } from '../objectStore.ts';
import { inParts, withoutFirst } from './inParts.ts';

/**
 * What stands in the store under a key:
 *
 *     "NSE1"  key id  salt  | tag chunk | tag chunk | ... | tag last chunk
 *       4       8      32     16  65536                     16  0..65536
 *
 * Each object has a key of its own, derived from the configured one and the salt, so that chunks are numbered from 0
 * without a nonce ever coming twice. The nonce also tells the last chunk: an object that is cut short does not open.
 * Every chunk authenticates the header and the object's key: one object cannot stand in for another.
 */
const MAGIC = Buffer.from('NSE1');
const KEY_ID_BYTES = 8;
const SALT_BYTES = 32;
const HEADER_BYTES = MAGIC.byteLength + KEY_ID_BYTES + SALT_BYTES;
const CHUNK_BYTES = 64 * 1024;
const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;
const MAX_CHUNKS = 2 ** 32;

/**
 * A store whose objects are encrypted before they reach `store`: AES-256-GCM in chunks, so that they stream.
 * @param keys as configured: the first one encrypts, all decrypt, so that keys can be replaced one after the other
 * @returns a store that throws NightshiftError `object_not_decrypted` for an object that none of the keys opens
 */
export function encrypted(keys: readonly [string, ...string[]], store: ObjectStore): ObjectStore {
  const [first, ...older] = keys;
  const newest = ringOf(first);
  const rings = [newest, ...older.map(ringOf)];

  const putStream = async (key: string, body: AsyncIterable<Uint8Array>): Promise<number> => {
    let plainBytes = 0;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of body) {
        plainBytes += chunk.byteLength;
        yield chunk;
      }
    };
    await store.putStream(key, sealedChunks(newest, key, counted()));
    return plainBytes;
  };

  return {
    putStream,
    put: async (key, body) => {
      const plain = typeof body === 'string' ? Buffer.from(body) : body;
      const sealer = sealerOf(newest, key);
      const sealed: Uint8Array[] = [sealer.header];
      for (let from = 0; from === 0 || from < plain.byteLength; from += CHUNK_BYTES) {
        sealed.push(sealer.seal(plain.subarray(from, from + CHUNK_BYTES), from + CHUNK_BYTES >= plain.byteLength));
      }
      await store.put(key, Buffer.concat(sealed));
    },
    get: async (key) => {
      const sealed = await store.get(key);
      const open = openerOf(rings, key, sealed.subarray(0, HEADER_BYTES));
      const plain: Buffer[] = [];
      for (let from = HEADER_BYTES; from === HEADER_BYTES || from < sealed.byteLength; from += SEALED_CHUNK_BYTES) {
        const to = from + SEALED_CHUNK_BYTES;
        plain.push(open(sealed.subarray(from, to), to >= sealed.byteLength));
      }
      return Buffer.concat(plain);
    },
    getStream: async (key, fromByte = 0) => {
      // All is read and opened: the chunks authenticate each other in order.
      const opened = openedChunks(rings, key, await store.getStream(key));
      return fromByte === 0 ? opened : withoutFirst(opened, fromByte);
    },
    head: async (key) => {
      const found = await store.head(key);
      return found && { sizeBytes: plainBytesOf(found.sizeBytes) };
    },
    list: (prefix) => store.list(prefix),
    delete: (key) => store.delete(key),
  };
}

interface Ring {
  readonly id: Buffer;
  readonly keyBytes: Buffer;
}

function ringOf(key: string): Ring {
  const keyBytes = keyBytesOf(key);
  // Tells keys apart in the store and gives nothing of them away.
  const id = createHmac('sha256', keyBytes).update('nightshift object key id').digest().subarray(0, KEY_ID_BYTES);
  return { id, keyBytes };
}

function objectKeyOf({ keyBytes }: Ring, salt: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', keyBytes, salt, 'nightshift object', 32));
}

function nonceOf(index: number, isLast: boolean): Buffer {
  if (index >= MAX_CHUNKS) throw new RangeError('An object has at most 2^32 chunks.');
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(index, NONCE_BYTES - 5);
  nonce[NONCE_BYTES - 1] = Number(isLast);
  return nonce;
}

interface Sealer {
  readonly header: Buffer;
  /** Of the chunks in order. */
  seal(chunk: Uint8Array, isLast: boolean): Buffer;
}

function sealerOf(ring: Ring, key: string): Sealer {
  const salt = randomBytes(SALT_BYTES);
  const header = Buffer.concat([MAGIC, ring.id, salt]);
  const place = Buffer.concat([header, Buffer.from(key)]);
  const objectKey = objectKeyOf(ring, salt);
  let index = 0;
  return { header, seal: (chunk, isLast) => encrypt(objectKey, nonceOf(index++, isLast), place, chunk) };
}

/** @throws NightshiftError `object_not_decrypted` */
function openerOf(
  rings: readonly Ring[],
  key: string,
  header: Uint8Array,
): (sealed: Uint8Array, isLast: boolean) => Buffer {
  if (header.byteLength < HEADER_BYTES || !MAGIC.equals(header.subarray(0, MAGIC.byteLength))) {
    throw notDecrypted(key, 'it was stored without encryption, or cut short');
  }
  const id = header.subarray(MAGIC.byteLength, MAGIC.byteLength + KEY_ID_BYTES);
  const ring = rings.find((candidate) => candidate.id.equals(id));
  if (!ring) {
    const wanted = Buffer.from(id).toString('hex');
    throw notDecrypted(key, `it was encrypted with the key ${wanted}, which is not among the configured ones`);
  }
  const objectKey = objectKeyOf(ring, header.subarray(MAGIC.byteLength + KEY_ID_BYTES, HEADER_BYTES));
  const place = Buffer.concat([header.subarray(0, HEADER_BYTES), Buffer.from(key)]);
  let index = 0;
  return (sealed, isLast) => {
    try {
      return decrypt(objectKey, nonceOf(index++, isLast), place, sealed);
    } catch {
      throw notDecrypted(key, 'it was changed or cut short after it was stored');
    }
  };
}

async function* sealedChunks(ring: Ring, key: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const sealer = sealerOf(ring, key);
  yield sealer.header;
  // One is held back: only the end of the stream tells which was the last.
  let held: Uint8Array = new Uint8Array();
  let isFirst = true;
  for await (const chunk of inParts(body, CHUNK_BYTES)) {
    if (!isFirst) yield sealer.seal(held, false);
    held = chunk;
    isFirst = false;
  }
  yield sealer.seal(held, true);
}

async function* openedChunks(
  rings: readonly Ring[],
  key: string,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let header: Uint8Array = new Uint8Array();
  let open: ReturnType<typeof openerOf> | undefined;
  const sealedBody = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      if (open) yield chunk;
      else {
        header = Buffer.concat([header, chunk]);
        if (header.byteLength < HEADER_BYTES) continue;
        open = openerOf(rings, key, header.subarray(0, HEADER_BYTES));
        yield header.subarray(HEADER_BYTES);
      }
    }
    open ??= openerOf(rings, key, header);
  };
  let held: Uint8Array = new Uint8Array();
  let isFirst = true;
  for await (const sealed of inParts(sealedBody(), SEALED_CHUNK_BYTES)) {
    if (!isFirst && open) yield open(held, false);
    held = sealed;
    isFirst = false;
  }
  if (open) yield open(held, true);
}

/** Of an object that stands in the store with so many bytes. */
function plainBytesOf(storedBytes: number): number {
  const sealedBytes = Math.max(0, storedBytes - HEADER_BYTES);
  return Math.max(0, sealedBytes - Math.ceil(sealedBytes / SEALED_CHUNK_BYTES) * TAG_BYTES);
}

function notDecrypted(key: string, why: string): NightshiftError {
  return new NightshiftError('object_not_decrypted', `The object "${key}" cannot be decrypted: ${why}.`);
}
