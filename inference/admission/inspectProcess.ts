import { readFile } from 'node:fs/promises';

import { NightshiftError } from '../../domain/errors.ts';
import { inspectNetwork } from './inspectNetwork.ts';

/** Reads one file, named by its argument, and prints what is in it, or why it is refused. */
const path = process.argv[2];
if (path === undefined) throw new Error('inspectProcess: name the file');
try {
  process.stdout.write(JSON.stringify({ inspected: inspectNetwork(await readFile(path)) }));
} catch (error) {
  if (!(error instanceof NightshiftError)) throw error;
  process.stdout.write(JSON.stringify({ refusal: error.message }));
}
