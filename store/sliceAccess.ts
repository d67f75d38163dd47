import { createHmac, timingSafeEqual } from 'node:crypto';

import { z } from 'zod';

import { NightshiftError } from '../domain/errors.ts';
import { objectKeys, partOfKey, receiptOfKey, unfinishedOfKey } from '../domain/names.ts';
import { keyBytesOf } from './aesGcm.ts';

const scopeSchema = z.object({
  jobId: z.string(),
  shard: z.number().int(),
  model: z.object({ name: z.string(), version: z.string(), sha256: z.string() }),
  /** For a car that fetches a model before work for it comes: it may read that, and nothing of any job. */
  modelOnly: z.literal(true).optional(),
  /** Real time, epoch milliseconds. */
  expiresRealMs: z.number(),
  /** Whom the shard was handed to, and when by real time; undefined until the gateway hands it out. */
  car: z.object({ vehicleId: z.string(), handedOutRealMs: z.number() }).optional(),
});
/** What a token stands for: one shard's input, its model, and the parts that one car writes of it. */
export type SliceScope = z.output<typeof scopeSchema>;
/** What a car may do: it alone may write in its name. */
export type CarSliceScope = SliceScope & { readonly car: NonNullable<SliceScope['car']> };

export interface SliceSigner {
  sign(scope: SliceScope): string;
  /** @throws NightshiftError `unauthorized` for a token that was signed with none of the secrets, or has expired */
  read(token: string, nowRealMs: number): SliceScope;
}

/**
 * Signs what a car may do in the object store, so that it needs neither credentials of the store nor its keys.
 * @param previous secrets whose signatures still hold: cars have tokens that were signed before a change
 */
export function sliceSignerWith(secret: string, ...previous: readonly string[]): SliceSigner {
  const key = signingKeyOf(secret);
  const reading = [key, ...previous.map(signingKeyOf)];
  return {
    sign: (scope) => {
      const payload = Buffer.from(JSON.stringify(scopeSchema.parse(scope))).toString('base64url');
      return `${payload}.${signatureOf(key, payload).toString('base64url')}`;
    },
    read: (token, nowRealMs) => {
      const [payload = '', signature = ''] = token.split('.');
      const presented = Buffer.from(signature, 'base64url');
      const isOurs = reading.some((each) => {
        const expected = signatureOf(each, payload);
        return presented.byteLength === expected.byteLength && timingSafeEqual(presented, expected);
      });
      if (!isOurs) {
        throw new NightshiftError('unauthorized', 'The token is not one of ours.');
      }
      const scope = scopeSchema.parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
      if (scope.expiresRealMs <= nowRealMs) throw new NightshiftError('unauthorized', 'The token has expired.');
      return scope;
    },
  };
}

/** Not the secret's own key, which seals what is stored. */
function signingKeyOf(secret: string): Buffer {
  return createHmac('sha256', keyBytesOf(secret)).update('nightshift slice access').digest();
}

function signatureOf(key: Buffer, payload: string): Buffer {
  return createHmac('sha256', key).update(payload).digest();
}

/** Whether the scope lets its bearer read this object; what the model needs beside its network is for its manifest to say. */
export function mayRead({ jobId, shard, model, modelOnly }: SliceScope, key: string): boolean {
  const ofModel = [objectKeys.model(model.sha256), objectKeys.modelManifest(model.name, model.version)];
  if (modelOnly) return ofModel.includes(key);
  const unfinished = unfinishedOfKey(key);
  if (unfinished) return key === objectKeys.unfinished(jobId, shard, unfinished.tokens, unfinished.vehicleId);
  return [objectKeys.shardInput(jobId, shard), objectKeys.jobWeights(jobId), ...ofModel].includes(key);
}

/** The car's own parts, receipts and unfinished answers of the shard, by exactly the keys that they have. */
export function mayWrite({ jobId, shard, car, modelOnly }: CarSliceScope, key: string): boolean {
  if (modelOnly) return false;
  const unfinished = unfinishedOfKey(key);
  if (unfinished) return key === objectKeys.unfinished(jobId, shard, unfinished.tokens, car.vehicleId);
  const range = (partOfKey(key) ?? receiptOfKey(key))?.range;
  if (!range || range.start >= range.end) return false;
  return [
    objectKeys.part(jobId, shard, range, car.vehicleId),
    objectKeys.receipt(jobId, shard, range, car.vehicleId),
  ].includes(key);
}

/** Who has answered what of the shard, and what was begun. */
export function mayList({ jobId, shard, modelOnly }: SliceScope, prefix: string): boolean {
  if (modelOnly) return false;
  return [objectKeys.receiptPrefix(jobId, shard), objectKeys.unfinishedPrefix(jobId, shard)].includes(prefix);
}
