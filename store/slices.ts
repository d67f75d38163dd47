import { objectKeys } from '../domain/names.ts';
import { sliceOf } from '../domain/trust/quorum.ts';
import type { SplitBatch } from '../domain/workflows/inferenceJob.ts';
import { readBatchSplit } from './batches.ts';
import type { Queryable } from './database.ts';
import { objectNotFound, type ObjectStore } from './objectStore.ts';

/**
 * A store takes as long for a small object as for one of some MiB, so slices that are small stand some to an object:
 *
 *     bytes of slice 0 | bytes of slice 1 | ... | slice 0 | slice 1 | ...
 *        4, little-endian, `slicesPerPack` of them
 *
 * The last pack of a batch may have fewer slices; what it lacks has 0 bytes.
 */
const LENGTH_BYTES = 4;

/** What tells where a batch's slices stand. */
type Cut = Pick<SplitBatch, 'quorum' | 'slicesPerPack'>;

/** @param slices as they follow each other, at most `slicesPerPack`, each in pieces */
export function packOf(slices: readonly (readonly Uint8Array[])[], slicesPerPack: number): Buffer {
  const lengths = Buffer.alloc(slicesPerPack * LENGTH_BYTES);
  for (const [index, pieces] of slices.entries()) {
    const bytes = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
    lengths.writeUInt32LE(bytes, index * LENGTH_BYTES);
  }
  return Buffer.concat([lengths, ...slices.flat()]);
}

type Slices = Pick<ObjectStore, 'get' | 'getStream'>;

/** The requests that a shard answers, a line each. @throws NightshiftError `object_not_found` */
export async function readSlice(objects: Slices, jobId: string, shard: number, cut: Cut): Promise<Buffer> {
  const place = placeOf(jobId, shard, cut);
  if (place === undefined) return objects.get(objectKeys.shardInput(jobId, shard));
  return sliceIn(await objects.getStream(place.key), place, jobId, shard);
}

/** As `readSlice`, for whoever knows the job alone. @throws NightshiftError `object_not_found` */
export async function readSliceOfJob(
  { database, objects }: { readonly database: Queryable; readonly objects: Slices },
  jobId: string,
  shard: number,
): Promise<Buffer> {
  return readSlice(objects, jobId, shard, (await readBatchSplit<SplitBatch>(database, jobId)) ?? {});
}

/** As `readSlice`, for whoever reads one shard after the other: each pack is read once. */
export function sliceReader(objects: Slices, jobId: string, cut: Cut): (shard: number) => Promise<Buffer> {
  let last: { readonly key: string; readonly bytes: Buffer } | undefined;
  return async (shard) => {
    const place = placeOf(jobId, shard, cut);
    if (place === undefined) return objects.get(objectKeys.shardInput(jobId, shard));
    if (last?.key !== place.key) last = { key: place.key, bytes: await objects.get(place.key) };
    return sliceIn([last.bytes], place, jobId, shard);
  };
}

interface Place {
  readonly key: string;
  readonly index: number;
  readonly slicesPerPack: number;
}

/** Where in a pack the shard's slice stands; undefined for one that stands alone. */
function placeOf(jobId: string, shard: number, cut: Cut): Place | undefined {
  const { slicesPerPack = 1 } = cut;
  if (slicesPerPack === 1) return undefined;
  const slice = sliceOf(cut, shard);
  const key = objectKeys.slicePack(jobId, Math.floor(slice / slicesPerPack));
  return { key, index: slice % slicesPerPack, slicesPerPack };
}

/** Reads no further than the slice reaches, and keeps no more than it. */
async function sliceIn(
  pack: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { key, index, slicesPerPack }: Place,
  jobId: string,
  shard: number,
): Promise<Buffer> {
  const lengths = Buffer.alloc(slicesPerPack * LENGTH_BYTES);
  const pieces: Uint8Array[] = [];
  let at = 0;
  let [from, to] = [lengths.byteLength, Number.POSITIVE_INFINITY];
  for await (const chunk of pack) {
    if (at < lengths.byteLength) {
      lengths.set(chunk.subarray(0, lengths.byteLength - at), at);
      if (at + chunk.byteLength >= lengths.byteLength) {
        for (let before = 0; before < index; before += 1) from += lengths.readUInt32LE(before * LENGTH_BYTES);
        to = from + lengths.readUInt32LE(index * LENGTH_BYTES);
      }
    }
    const end = at + chunk.byteLength;
    if (Number.isFinite(to) && end > from) pieces.push(chunk.subarray(Math.max(0, from - at), Math.max(0, to - at)));
    at = end;
    if (at >= to) break;
  }
  if (at < to) throw new Error(`"${key}" ends after ${at} bytes, within one of its slices.`);
  // The last pack of a batch may be asked for a shard that is not.
  if (from === to) throw objectNotFound(objectKeys.shardInput(jobId, shard));
  return Buffer.concat(pieces);
}
