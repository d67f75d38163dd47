import { writeFile } from 'node:fs/promises';

import { NightshiftError } from '../../domain/errors.ts';

/** Writes a secret into a file of its own. @throws NightshiftError `conflict` for a file that is there, or cannot be made */
export async function writeNewFile(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    const message = `${file} cannot be made: it exists, or its folder does not.`;
    throw new NightshiftError('conflict', message, { field: 'file', cause });
  }
}
