import { readFile } from 'node:fs/promises';

import { z } from 'zod';

import { NightshiftError } from '../../domain/errors.ts';
import { inspectNetwork } from './inspectNetwork.ts';

/** Reads one file, named by its first argument, beside those of the second, and prints what is in it, or why it is refused. */
const [, , path, beside] = process.argv;
if (path === undefined || beside === undefined) throw new Error('inspectProcess: name the file and those beside it');
const sizes = z.record(z.string(), z.number()).parse(JSON.parse(beside));
try {
  process.stdout.write(JSON.stringify({ inspected: inspectNetwork(await readFile(path), sizes) }));
} catch (error) {
  if (!(error instanceof NightshiftError)) throw error;
  process.stdout.write(JSON.stringify({ refusal: error.message }));
}
