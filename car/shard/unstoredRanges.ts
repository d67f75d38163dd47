import { objectKeys, receiptOfKey, type LineRange } from '../../domain/names.ts';
import type { RunShardInput } from '../../domain/shards.ts';
import { uncoveredRanges } from './lineRanges.ts';
import type { PartStore } from './ports.ts';

/**
 * The lines of a shard that no car has stored, in order. Receipts tell, since they are written after their parts: a
 * part alone may be of a car that is about to claim it, or died before it could, and a shard that is held for done
 * then would be refused for want of a receipt.
 */
export async function unstoredRanges(
  objects: Pick<PartStore, 'list'>,
  { jobId, shard, lines }: Pick<RunShardInput, 'jobId' | 'shard' | 'lines'>,
): Promise<LineRange[]> {
  const keys = await objects.list(objectKeys.receiptPrefix(jobId, shard));
  return uncoveredRanges(
    lines,
    keys.map((key) => receiptOfKey(key)?.range).filter((range) => range !== undefined),
  );
}
