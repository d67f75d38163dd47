import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { childEntry } from '../../inference/childEntry.ts';
import type { RegisterModel } from '../../inference/models/bundledModels.ts';
import { LSA_MODEL, publishLsa } from '../../inference/lsa/lsaModel.ts';
import { seedClassSpeed } from '../../store/classSpeeds.ts';
import type { Database } from '../../store/database.ts';
import { listHardwareClasses } from '../../store/hardwareClasses.ts';
import { readModel } from '../../store/models.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';

const run = promisify(execFile);
const STATED_MS_PER_TOKEN = 0.1;

/**
 * Builds and publishes the text embedding of the project, unless it is there: on another machine its bytes may differ in
 * the last bits, and a version is published once. At lowest priority, since nobody waits for it.
 */
export async function publishLsaOnce(
  database: Database,
  objects: ObjectStore,
  register: RegisterModel,
  signal: AbortSignal,
): Promise<void> {
  if (await readModel(database, DEFAULT_TENANT, LSA_MODEL)) return;
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-lsa-'));
  try {
    const { modulePath, execArgv } = childEntry(import.meta.url, '../../inference/lsa/buildLsaProcess');
    const args = [...execArgv, modulePath, folder];
    const [file, given] =
      process.platform === 'win32' ? [process.execPath, args] : ['nice', ['-n', '19', process.execPath, ...args]];
    await run(file, given, { signal, env: { PATH: process.env['PATH'], TZ: 'UTC' } });
    const network = await readFile(join(folder, 'lsa.onnx'));
    const vocabulary = await readFile(join(folder, 'lsa.vocabulary'), 'utf8');
    const { name: modelName, version: modelVersion } = await publishLsa(objects, register, { network, vocabulary });
    for (const { id: hardwareClass } of await listHardwareClasses(database)) {
      await seedClassSpeed(database, { modelName, modelVersion, hardwareClass, statedMsPerUnit: STATED_MS_PER_TOKEN });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
