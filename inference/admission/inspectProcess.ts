import { readFile } from 'node:fs/promises';

import { z } from 'zod';

import { NightshiftError } from '../../domain/errors.ts';
import { inspectNetwork } from './inspectNetwork.ts';
import { refused } from './refused.ts';

/** Reads one file, named by its first argument, beside those of the second, and prints what is in it, or why it is refused. */
const [, , path, beside] = process.argv;
if (path === undefined || beside === undefined) throw new Error('inspectProcess: name the file and those beside it');
const sizes = z.record(z.string(), z.number()).parse(JSON.parse(beside));
const bytes = await readFile(path);
try {
  process.stdout.write(JSON.stringify({ inspected: inspectNetwork(bytes, sizes) }));
} catch (error) {
  // Sizes that the file declares, or the depth of what it nests.
  const refusal = error instanceof RangeError ? refused('reading it takes more memory than it may') : error;
  if (!(refusal instanceof NightshiftError)) throw refusal;
  process.stdout.write(JSON.stringify({ refusal: refusal.message }));
}
