import { afterAll, beforeAll, expect, test } from 'vitest';
import { objectKeys } from '../../domain/names.ts';
import { partReceiptSchema, type PartReceipt } from '../../domain/shards.ts';
import { eventually } from '../support/eventually.ts';
import { calmNight, outagesEvery } from './support/calmNight.ts';
import { expectUndisturbed } from './support/outcome.ts';
import { Stack } from './support/stack.ts';

const REQUESTS = 60;
/** Real time. Heartbeats time out after 4 s; the work of a batch takes a lone car 20 s, longer than its coverage lasts. */
const COVERED_SECONDS = 15;
const OUT_SECONDS = 12;
/** The fleet must have come up before, or nobody would know of a car that sleeps. */
const FIRST_OUTAGE_AT_SECONDS = 30;
/** An outage may come between two shards. */
const MAX_BATCHES = 4;
const RUN_LIMIT_MS = 90_000;

let stack: Stack;
let undisturbed: string;

beforeAll(async () => {
  const outages = outagesEvery({ first: FIRST_OUTAGE_AT_SECONDS, out: OUT_SECONDS, covered: COVERED_SECONDS });
  stack = await Stack.start(calmNight({ calm: [{}, {}], pair: [{ outages }, {}], lone: [{ outages }] }));
  undisturbed = await stack.finished(await stack.submit(REQUESTS, 'calm'));
}, 180_000);
afterAll(() => stack?.remove(), 60_000);

/** Runs batches on the region's cars until one of them was cut off in mid-shard for longer than its heartbeat timeout. */
async function cutOffBatch(region: string): Promise<string> {
  for (let batches = 0; batches < MAX_BATCHES; batches++) {
    const batchId = await stack.submit(REQUESTS, region);
    const wasCutOff = await eventually('a car is cut off, or the batch ends', RUN_LIMIT_MS, async () => {
      if (await stack.hasSilentAttempt(batchId)) return true;
      return (await stack.ended(batchId)) && false;
    });
    await expectUndisturbed(stack, batchId, REQUESTS, undisturbed);
    if (wasCutOff) return batchId;
  }
  throw new Error(`no car was cut off in ${MAX_BATCHES} batches`);
}

/** What cars stored of a batch, shard by shard. */
async function receiptsOf(batchId: string): Promise<PartReceipt[][]> {
  const [batch] = await stack.database.query<{ shards: number }>('select shards from job_progress where job_id = $1', [
    batchId,
  ]);
  return Promise.all(
    Array.from({ length: batch?.shards ?? 0 }, async (_, shard) => {
      const keys = await stack.objects.list(objectKeys.receiptPrefix(batchId, shard));
      const bodies = await Promise.all(keys.map((key) => stack.objects.get(key)));
      return bodies.map((body) => partReceiptSchema.parse(JSON.parse(body.toString('utf8'))));
    }),
  );
}

test.concurrent(
  'a lone car without network for longer than its heartbeat timeout finishes its shard offline and delivers it afterwards',
  { timeout: 240_000 },
  async () => {
    const batchId = await cutOffBatch('lone');
    const receipts = (await receiptsOf(batchId)).flat();
    // The server ran the shard again, and yet no line was computed again.
    expect(receipts.reduce((lines, { range }) => lines + range.end - range.start, 0)).toBe(REQUESTS);
  },
);

test.concurrent(
  'a batch whose car was given up in mid-shard is answered by the other car; what both have stored is the same bytes',
  { timeout: 240_000 },
  async () => {
    const batchId = await cutOffBatch('pair');
    // The car that was given up delivers when it has coverage again, unless it had nothing left to say.
    const twice = await eventually('both cars have stored the same lines', 2 * OUT_SECONDS * 1000, async () => {
      const stored = (await receiptsOf(batchId)).flatMap(bothStored);
      return stored.length > 0 ? stored : undefined;
    }).catch(() => []);
    for (const [one, other] of twice) expect(one.partSha256).toBe(other.partSha256);
  },
);

/** Pairs of receipts of two cars for one range of lines. */
function bothStored(receipts: readonly PartReceipt[]): [PartReceipt, PartReceipt][] {
  return receipts.flatMap((one, index) =>
    receipts
      .slice(index + 1)
      .filter(
        ({ range, vehicleId }) =>
          vehicleId !== one.vehicleId && range.start === one.range.start && range.end === one.range.end,
      )
      .map((other): [PartReceipt, PartReceipt] => [one, other]),
  );
}
