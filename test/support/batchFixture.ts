import { randomUUID } from 'node:crypto';
import { objectKeys } from '../../domain/names.ts';
import { insertBatch } from '../../store/batches.ts';
import { seedClassSpeed } from '../../store/classSpeeds.ts';
import type { Database } from '../../store/database.ts';
import { insertFile } from '../../store/files.ts';
import { addModel } from '../../store/models.ts';
import type { ObjectStore } from '../../store/objectStore.ts';

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

/** A batch of these lines with its input file, as its submission stores both. */
export async function storeSubmission(
  { database, objects }: { readonly database: Database; readonly objects: Pick<ObjectStore, 'put'> },
  lines: readonly string[],
  batch: {
    readonly endpoint: string;
    readonly deadlineMs: number;
    readonly tenantId?: string;
    readonly metadata?: Readonly<Record<string, string>>;
  },
): Promise<string> {
  const unique = randomUUID().slice(0, 8);
  const [batchId, fileId] = [`batch_${unique}`, `file-${unique}`];
  const objectKey = objectKeys.file(fileId);
  await objects.put(objectKey, lines.map((line) => `${line}\n`).join(''));
  const file = { id: fileId, filename: 'in.jsonl', purpose: 'batch', bytes: 1, objectKey, lifeSeconds: null } as const;
  await insertFile(database, file);
  await insertBatch(database, {
    metadata: null,
    ...batch,
    id: batchId,
    inputFileId: fileId,
    completionWindow: '24h',
    outputExpiresAfterSeconds: null,
    submittedAtMs: 1000,
    idempotencyKey: null,
    requestHash: batchId,
  });
  return batchId;
}

/** A model `m` that batches may name, which nobody runs. @param msPerUnit what cars of class ai4 are said to take */
export async function storeModel(database: Database, msPerUnit: number): Promise<void> {
  const model = { name: 'm', version: '1', family: 'f', sha256: '0'.repeat(64), manifest: {}, tenantId: null };
  await addModel(database, model);
  const of = { modelName: model.name, modelVersion: model.version, hardwareClass: 'ai4' };
  await seedClassSpeed(database, { ...of, statedMsPerUnit: msPerUnit });
}
