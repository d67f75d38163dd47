import { createHash } from 'node:crypto';

import type { OpenSlice, PartStore } from '../../car/shard/ports.ts';
import { parseAnswerLine } from '../../domain/batchLines.ts';
import { partOfKey, receiptOfKey } from '../../domain/names.ts';
import { partReceiptSchema } from '../../domain/shards.ts';

/**
 * The slices of a car that lies: what it stores are answers of the right form that no model gave, with receipts that claim
 * them. Its agent and all else of it are as of any car.
 */
export function withInventedAnswers(openSlice: OpenSlice): OpenSlice {
  return (access) => {
    const objects = openSlice(access);
    /** Of the invented bytes, by the lines and the car that the key names. */
    const sha256s = new Map<string, string>();
    const put: PartStore['put'] = async (key, body) => {
      const part = partOfKey(key);
      const receipt = receiptOfKey(key);
      if (part) {
        const invented = inventedPart(textOf(body));
        sha256s.set(nameOf(part), createHash('sha256').update(invented).digest('hex'));
        await objects.put(key, invented);
      } else if (receipt) {
        const claimed = partReceiptSchema.parse(JSON.parse(textOf(body)));
        await objects.put(key, JSON.stringify({ ...claimed, partSha256: sha256s.get(nameOf(receipt)) }));
      } else await objects.put(key, body);
    };
    return { ...objects, put };
  };
}

function inventedPart(text: string): string {
  const lines = text.trimEnd().split('\n').map(parseAnswerLine);
  return lines.map((line) => `${JSON.stringify({ ...line, response: invented(line.response) })}\n`).join('');
}

function invented(response: ReturnType<typeof parseAnswerLine>['response']): typeof response {
  return response && { ...response, body: { outputs: [{ name: 'text', data: ['it was too much work'] }] } };
}

function nameOf({ range, vehicleId }: NonNullable<ReturnType<typeof partOfKey>>): string {
  return `${range.start}-${range.end} ${vehicleId}`;
}

function textOf(body: Uint8Array | string): string {
  return typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
}
