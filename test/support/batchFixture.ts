import { insertBatch } from '../../store/batches.ts';
import { seedClassSpeed } from '../../store/classSpeeds.ts';
import type { Database } from '../../store/database.ts';
import { addModel } from '../../store/models.ts';

/** A batch as its submission stores it, for tests that go on from there. */
export async function storeBatch(database: Database, id: string, submittedAtMs: number): Promise<void> {
  await insertBatch(database, {
    id,
    endpoint: '/v1/embeddings',
    inputFileId: 'file-1',
    completionWindow: '24h',
    metadata: null,
    outputExpiresAfterSeconds: null,
    deadlineMs: submittedAtMs,
    submittedAtMs,
    idempotencyKey: null,
    requestHash: 'hash',
  });
}

/** A model `m` that batches may name, which nobody runs. @param msPerUnit what cars of class ai4 are said to take */
export async function storeModel(database: Database, msPerUnit: number): Promise<void> {
  const model = { name: 'm', version: '1', family: 'f', sha256: '0'.repeat(64), manifest: {}, tenantId: null };
  await addModel(database, model);
  const of = { modelName: model.name, modelVersion: model.version, hardwareClass: 'ai4' };
  await seedClassSpeed(database, { ...of, statedMsPerUnit: msPerUnit });
}
