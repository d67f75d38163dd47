import { createHash } from 'node:crypto';

import { MockActivityEnvironment } from '@temporalio/testing';

import type { BatchEnd } from '../../domain/activities/jobActivities.ts';
import { createJobActivities } from '../../activities/jobs/jobActivities.ts';
import type { ApiPorts } from '../../api/http/ports.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { objectKeys } from '../../domain/names.ts';
import { moveBatch } from '../../store/batches.ts';
import { enrolFleet } from '../support/fleetFixture.ts';

const CAR = 'car-of-ended-batches';

/**
 * Ends a batch of one shard by its job's own activities. `statuses` says how its lines were answered, by line from 0;
 * a line that is not in it has no answer.
 */
export async function endBatch(
  { database, objects, cell, slices: signer }: ApiPorts,
  batchId: string,
  statuses: Readonly<Record<number, number>>,
  outcome: BatchEnd,
): Promise<void> {
  const jobs = createJobActivities({
    database,
    objects,
    gridNowMs: () => gridTimeMs(cell.clock, Date.now()),
    carAccess: { url: 'https://cars.example', signer },
    checkKey: Buffer.alloc(32),
  });
  await enrolFleet(database, [CAR]);
  const work = async (): Promise<void> => {
    const prepared = await jobs.prepareBatch({ batchId, cellId: cell.id });
    if (prepared.kind === 'refused') throw new Error(prepared.message);
    const slice = (await objects.get(objectKeys.shardInput(batchId, 0))).toString('utf8').trimEnd().split('\n');
    for (const [index, status] of Object.entries(statuses)) {
      const line = Number(index);
      const { custom_id } = JSON.parse(slice[line] ?? '') as { custom_id: string };
      const response = { status_code: status, request_id: 'req', body: { of: custom_id } };
      const answer = { id: `batch_req_${line}`, custom_id, response, error: null };
      const range = { start: line, end: line + 1 };
      const body = `${JSON.stringify(answer)}\n`;
      await objects.put(objectKeys.part(batchId, 0, range, CAR), body);
      const partSha256 = createHash('sha256').update(body).digest('hex');
      const receipt = { vehicleId: CAR, range, energyWh: 0, deviceMs: 0, partSha256 };
      await objects.put(objectKeys.receipt(batchId, 0, range, CAR), JSON.stringify(receipt));
    }
    if (outcome === 'cancelled') await moveBatch(database, batchId, ['in_progress'], 'cancelling');
    await jobs.finishBatch({ batchId, cellId: cell.id, split: prepared.split, outcome });
  };
  await new MockActivityEnvironment().run(work);
}
