import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { LSA_SIZE } from './lsaModel.ts';
import { buildLsa } from './buildLsa.ts';
import { readSynsets } from './wordNet.ts';

/** A process of its own: it computes for a quarter of a minute without a pause. Its argument is the folder to fill. */
const folder = process.argv[2];
if (folder === undefined) throw new Error('buildLsaProcess: name the folder');
const { network, vocabulary } = buildLsa(await readSynsets(), LSA_SIZE);
await writeFile(join(folder, 'lsa.onnx'), network);
await writeFile(join(folder, 'lsa.vocabulary'), vocabulary);
