import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { NightshiftError } from '../../domain/errors.ts';
import { messageOf } from '../../domain/thrown.ts';

const CHUNK_CHARACTERS = 1 << 20;

/**
 * Writes one JSON object to a file, the elements of its own arrays one by one: a plan of a million cars is longer than
 * the longest string that Node can hold. The file appears whole or not at all.
 * @throws NightshiftError invalid_request, naming the file
 */
export async function writeJsonObject(file: string, object: object): Promise<void> {
  await writeWhole(file, jsonChunks(object));
}

/** Writes a text file that appears whole or not at all. */
export async function writeTextFile(file: string, text: string): Promise<void> {
  await writeWhole(file, [text]);
}

async function writeWhole(file: string, chunks: Iterable<string>): Promise<void> {
  const unfinished = `${file}.part`;
  try {
    await pipeline(Readable.from(chunks), createWriteStream(unfinished));
    await rename(unfinished, file);
  } catch (thrown) {
    await rm(unfinished, { force: true });
    throw new NightshiftError('invalid_request', `${file} cannot be written: ${messageOf(thrown)}`, { field: file });
  }
}

/** The object as JSON text, one line per element of its arrays, in chunks of about a megabyte. */
export function* jsonChunks(object: object): Generator<string> {
  let chunk = '{';
  let separator = '\n';
  for (const [key, value] of Object.entries(object) as [string, unknown][]) {
    if (value === undefined) continue;
    chunk += `${separator}${JSON.stringify(key)}: `;
    separator = ',\n';
    if (!Array.isArray(value)) {
      chunk += JSON.stringify(value);
      continue;
    }
    chunk += '[';
    for (const [index, element] of (value as unknown[]).entries()) {
      chunk += `${index === 0 ? '\n' : ',\n'}${JSON.stringify(element)}`;
      if (chunk.length >= CHUNK_CHARACTERS) {
        yield chunk;
        chunk = '';
      }
    }
    chunk += ']';
  }
  yield `${chunk}\n}\n`;
}
