import { createHmac } from 'node:crypto';

import { z } from 'zod';

import { parseExactJson, stringifyExactJson } from '../json.ts';
import { drawnFrom } from './draws.ts';

/**
 * Whose line stands where in a slice that canaries are mixed into: by place, the submitter's custom_id, or null of a canary.
 * Cars must not read it.
 */
export const sliceKeySchema = z.array(z.string().nullable());
export type SliceKey = z.infer<typeof sliceKeySchema>;

export interface MixedSlice {
  /** As cars read them: no custom_id says whose line it is. */
  readonly lines: readonly Uint8Array[];
  readonly key: SliceKey;
}

/** Lines that are added to each slice of so many; none to slices so small that one would be more than the share. */
export function canariesIn(linesPerSlice: number, share: number): number {
  return Math.floor(linesPerSlice * share);
}

/**
 * Mixes canaries into a slice: at places that only the holder of the key can foretell, and all lines written anew under names
 * that say nothing. Done again it is the same bytes.
 * @param own the slice's lines @param others lines of another slice of the batch, of which some are asked here again
 */
export function mixedSlice(
  checkKey: Buffer,
  { batchId, slice, count }: { readonly batchId: string; readonly slice: number; readonly count: number },
  own: readonly Uint8Array[],
  others: readonly Uint8Array[],
): MixedSlice {
  const canaries = drawnFrom(checkKey, others, count, 'canaries', batchId, slice);
  const places = Array.from({ length: own.length + canaries.length }, (_, place) => place);
  const ofCanaries = new Set(drawnFrom(checkKey, places, canaries.length, 'places', batchId, slice));
  const left = { own: own.toReversed(), canaries: canaries.toReversed() };
  const taken = places.map((place) => {
    const isCanary = ofCanaries.has(place);
    const line = (isCanary ? left.canaries : left.own).pop() ?? new Uint8Array();
    const request = requestSchema.parse(parseExactJson(Buffer.from(line).toString('utf8')));
    const name = nameOf(checkKey, batchId, slice, place);
    const text = stringifyExactJson({ ...request, custom_id: name });
    return { line: Buffer.from(text), customId: isCanary ? null : request.custom_id };
  });
  return { lines: taken.map(({ line }) => line), key: taken.map(({ customId }) => customId) };
}

/** The places of canaries in a slice. */
export function canaryPlaces(key: SliceKey | undefined): ReadonlySet<number> {
  return new Set((key ?? []).flatMap((customId, place) => (customId === null ? [place] : [])));
}

const requestSchema = z.looseObject({ custom_id: z.string() });

function nameOf(checkKey: Buffer, ...names: readonly (string | number)[]): string {
  return createHmac('sha256', checkKey)
    .update(JSON.stringify(['name', ...names]))
    .digest('hex')
    .slice(0, 16);
}
