import { readFile } from 'node:fs/promises';

import { NightshiftError } from '../../domain/errors.ts';

/**
 * Reads a file that a user has named.
 * @throws NightshiftError not_found, naming the file
 */
export async function readTextFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new NightshiftError('not_found', `${file} cannot be read.`, { field: file, cause });
  }
}
