import { inflateRawSync } from 'node:zlib';
import { unusable } from './feedError.ts';
import { messageOf } from '../../../domain/thrown.ts';

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_HEADER_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;

/**
 * The first file of a zip archive (PKWARE APPNOTE 4.3), stored or deflated, without encryption.
 * @throws FeedError when it is no such archive or holds more than `maxBytes`
 */
export function firstZipEntry(archive: Buffer, maxBytes: number): { readonly name: string; readonly content: Buffer } {
  try {
    return firstEntry(archive, maxBytes);
  } catch (cause) {
    const problem = messageOf(cause);
    throw unusable(`answered no readable zip archive (${problem})`);
  }
}

function firstEntry(archive: Buffer, maxBytes: number): { name: string; content: Buffer } {
  // Sizes are taken from the directory at the end: a local header may leave them out.
  let endAt = archive.length - END_BYTES;
  while (archive.readUInt32LE(endAt) !== END_SIGNATURE) endAt--;
  const entryAt = archive.readUInt32LE(endAt + 16);
  if (archive.readUInt32LE(entryAt) !== ENTRY_SIGNATURE) throw new Error('its directory is empty');
  const method = archive.readUInt16LE(entryAt + 10);
  const compressedBytes = archive.readUInt32LE(entryAt + 20);
  const nameBytes = archive.readUInt16LE(entryAt + 28);
  const headerAt = archive.readUInt32LE(entryAt + 42);
  const name = archive.toString('utf8', entryAt + ENTRY_BYTES, entryAt + ENTRY_BYTES + nameBytes);
  const dataAt =
    headerAt + LOCAL_HEADER_BYTES + archive.readUInt16LE(headerAt + 26) + archive.readUInt16LE(headerAt + 28);
  const data = archive.subarray(dataAt, dataAt + compressedBytes);
  if (method === DEFLATED) return { name, content: inflateRawSync(data, { maxOutputLength: maxBytes }) };
  if (method === STORED && data.length <= maxBytes) return { name, content: data };
  throw new Error(method === STORED ? `more than ${maxBytes} bytes` : `compression method ${method}`);
}
