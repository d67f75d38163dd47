import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { DAY_MS } from '../../domain/durations.ts';
import { checkKey, checkPrefix, objectNotFound, type ObjectStore } from '../objectStore.ts';

// No key starts with a dot, so files being written are neither read nor listed.
const UNFINISHED = '.unfinished';
const UNFINISHED_KEPT_REAL_MS = DAY_MS;
const READ_BYTES = 256 * 1024;
/** Linux takes several times as long over a write of 4 MiB as over four of 1 MiB, and over many of 64 KiB. */
const WRITE_BYTES = 1024 * 1024;
/** Large bodies go to the disk while they come in: else they would all wait for it at the end. */
const FLUSH_BYTES = 32 * 1024 * 1024;

/**
 * Objects as files below `folder`; a key is a path there, so no key may go on where another one ends (`a` and `a/b`).
 * Several processes may share the folder.
 */
export function createFileStore(folder: string): ObjectStore {
  let swept: Promise<void> | undefined;

  const pathOf = (key: string): string => {
    checkKey(key);
    return join(folder, ...key.split('/'));
  };

  const putStream = async (key: string, body: AsyncIterable<Uint8Array>): Promise<number> => {
    const path = pathOf(key);
    swept ??= removeOldUnfinished(join(folder, UNFINISHED)).catch((error: unknown) => {
      // Else one bad moment of the disk would fail every later write.
      swept = undefined;
      throw error;
    });
    await swept;
    const unfinished = join(folder, UNFINISHED, randomUUID());
    try {
      const sizeBytes = await writeDurably(unfinished, body);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await rename(unfinished, path);
      await syncFolder(dirname(path));
      return sizeBytes;
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  };

  return {
    putStream,
    put: async (key, body) => {
      await putStream(key, inWrites(body));
    },
    get: async (key) => {
      const bytes = await unlessAbsent(readFile(pathOf(key)));
      if (bytes === undefined) throw objectNotFound(key);
      return bytes;
    },
    getStream: async (key, fromByte = 0) => {
      const path = pathOf(key);
      const found = await unlessAbsent(stat(path));
      const file = found?.isFile() ? await unlessAbsent(open(path)) : undefined;
      if (file === undefined) throw objectNotFound(key);
      return file.createReadStream({ highWaterMark: READ_BYTES, start: fromByte });
    },
    head: async (key) => {
      const found = await unlessAbsent(stat(pathOf(key)));
      return found?.isFile() ? { sizeBytes: found.size } : undefined;
    },
    list: async (prefix) => {
      checkPrefix(prefix);
      const parent = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      const keys = await keysBelow(join(folder, parent), parent);
      return keys.filter((key) => key.startsWith(prefix)).sort();
    },
    delete: async (key) => {
      await rm(pathOf(key), { force: true });
    },
  };
}

async function* inWrites(body: Uint8Array | string): AsyncGenerator<Uint8Array> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  for (let at = 0; at < bytes.byteLength; at += WRITE_BYTES) yield bytes.subarray(at, at + WRITE_BYTES);
}

/** The bytes are on the disk when this settles, so that a rename never shows an empty file after a power cut. */
async function writeDurably(path: string, body: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, 'wx', 0o600);
  let sizeBytes = 0;
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  let unflushedBytes = 0;
  // One write is under way while the next is gathered; failures are thrown where they are awaited.
  let writing: Promise<void> = Promise.resolve();
  let flushing: Promise<void> = Promise.resolve();
  const write = async (): Promise<void> => {
    await writing;
    writing = writeAll(file, gathered);
    writing.catch(() => {});
    unflushedBytes += gatheredBytes;
    gathered = [];
    gatheredBytes = 0;
    if (unflushedBytes < FLUSH_BYTES) return;
    unflushedBytes = 0;
    await flushing;
    flushing = file.datasync();
    flushing.catch(() => {});
  };
  try {
    for await (const chunk of body) {
      sizeBytes += chunk.byteLength;
      gathered.push(chunk);
      gatheredBytes += chunk.byteLength;
      if (gatheredBytes >= WRITE_BYTES) await write();
    }
    await write();
    await Promise.all([writing, flushing]);
    await file.sync();
  } finally {
    await Promise.allSettled([writing, flushing]);
    await file.close();
  }
  return sizeBytes;
}

function bytesOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** As one write without joining the chunks, which would copy all that is stored once more. */
async function writeAll(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  if (chunks.length === 0) return;
  const { bytesWritten } = await file.writev([...chunks]);
  // A disk that fills up takes a part; the rest then says why.
  if (bytesWritten < bytesOf(chunks)) await file.writeFile(Buffer.concat(chunks).subarray(bytesWritten));
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; a rename there is as durable as it gets.
  if (process.platform === 'win32') return;
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A process that was killed leaves what it was writing. */
async function removeOldUnfinished(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const oldestRealMs = Date.now() - UNFINISHED_KEPT_REAL_MS;
  for (const name of await readdir(folder)) {
    const found = await unlessAbsent(stat(join(folder, name)));
    if (found && found.mtimeMs < oldestRealMs) await rm(join(folder, name), { force: true });
  }
}

async function keysBelow(folder: string, parent: string): Promise<string[]> {
  const entries: Dirent[] = (await unlessAbsent(readdir(folder, { withFileTypes: true }))) ?? [];
  const keys: string[] = [];
  for (const entry of entries) {
    if (entry.name === UNFINISHED) continue;
    if (entry.isDirectory()) keys.push(...(await keysBelow(join(folder, entry.name), `${parent}${entry.name}/`)));
    else if (entry.isFile()) keys.push(parent + entry.name);
  }
  return keys;
}

async function unlessAbsent<Found>(looking: Promise<Found>): Promise<Found | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof Error && 'code' in error && /^(ENOENT|ENOTDIR|EISDIR)$/.test(String(error.code))) {
      return undefined;
    }
    throw error;
  }
}
