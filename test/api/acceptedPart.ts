import { createHash } from 'node:crypto';

import type { ApiPorts } from '../../api/http/ports.ts';
import { objectKeys } from '../../domain/names.ts';
import { recordAcceptedShard } from '../../store/acceptedShards.ts';

const CAR = 'car-of-accepted-parts';

/** Stores a shard's part and records it as accepted, from line `start` on. */
export async function acceptPart(
  { database, objects }: ApiPorts,
  jobId: string,
  shard: number,
  start: number,
  answers: readonly string[],
): Promise<void> {
  const range = { start, end: start + answers.length };
  const body = answers.map((line) => `${line}\n`).join('');
  await objects.put(objectKeys.part(jobId, shard, range, CAR), body);
  const sha256 = createHash('sha256').update(body).digest('hex');
  const tokens = { inputTokens: 5 * answers.length, outputTokens: 2 * answers.length };
  const counts = { completed: answers.length, failed: 0, ...tokens, handovers: 0, redoneLines: 0 };
  await recordAcceptedShard(database, { jobId, shard, ...counts, parts: [{ ...range, sha256, vehicleId: CAR }] });
}
