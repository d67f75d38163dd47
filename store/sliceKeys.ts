import { objectKeys } from '../domain/names.ts';
import { sliceKeySchema, type SliceKey } from '../domain/trust/mixedSlice.ts';
import type { SplitBatch } from '../domain/workflows/inferenceJob.ts';
import { unlessNotFound, type ObjectStore } from './objectStore.ts';

/** Stored beside the slice, in the job's own folder, and removed with it. */
export async function writeSliceKey(
  objects: Pick<ObjectStore, 'put'>,
  jobId: string,
  slice: number,
  key: SliceKey,
): Promise<void> {
  await objects.put(objectKeys.sliceKey(jobId, slice), Buffer.from(JSON.stringify(key)));
}

/** @returns undefined where no canaries are mixed into the slice, or nobody knows it any more */
export async function readSliceKey(
  objects: Pick<ObjectStore, 'get'>,
  { canaries }: Pick<SplitBatch, 'canaries'>,
  jobId: string,
  slice: number,
): Promise<SliceKey | undefined> {
  if (canaries === undefined) return undefined;
  const bytes = await unlessNotFound(objects.get(objectKeys.sliceKey(jobId, slice)));
  return bytes && sliceKeySchema.parse(JSON.parse(bytes.toString('utf8')));
}
