import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gridTimeMs } from '../../domain/clock.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { objectKeys } from '../../domain/names.ts';
import { TINY_CONTEXT, writeTinyLlama } from '../support/tinyLlama.ts';
import { calmNight } from './support/calmNight.ts';
import { comparable, expectAnsweredOnce } from './support/outcome.ts';
import { Stack } from './support/stack.ts';

const REQUESTS = 16;
const MODEL = 'tiny';
/** As soon as it computes, and for good. */
const AWAY_IN_MID_SHARD = { leaves: '2026-01-14T20:00:00Z', waitsForComputingUntil: '2026-01-17T12:00:00Z' };

let stack: Stack;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-chats-'));
  await writeTinyLlama(join(folder, 'model'), { layout: 'huggingface', weights: 'fp32' });
  await writeFile(join(folder, 'chats.jsonl'), requests());
  stack = await Stack.start(
    calmNight({
      calm: [{}],
      leavers: [{ trips: [{ ...AWAY_IN_MID_SHARD, manner: 'gear_first' }] }, {}],
    }),
  );
  await stack.command('model', 'add', join(folder, 'model'), '--name', MODEL);
}, 180_000);
afterAll(async () => {
  await stack?.remove();
  await rm(folder, { recursive: true });
}, 60_000);

/** Half of them greedy, half sampled; all as long as the model's context, so that a car which leaves is in the middle of them. */
function requests(): string {
  return Array.from({ length: REQUESTS }, (_, index) => {
    const body = {
      model: MODEL,
      messages: [{ role: 'user', content: `Question ${index}` }],
      max_completion_tokens: TINY_CONTEXT - 100,
      ...(index % 2 === 0 ? { temperature: 0 } : { temperature: 1, seed: index }),
    };
    return `${JSON.stringify({ custom_id: `${index}`, method: 'POST', url: '/v1/chat/completions', body })}\n`;
  }).join('');
}

async function submit(region: string): Promise<string> {
  const batches = await stack.batches();
  const { clock } = await stack.cell();
  const batch = await batches.submit({
    input_file_id: await batches.upload(join(folder, 'chats.jsonl')),
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    metadata: {
      'grid.deadline': new Date(gridTimeMs(clock, Date.now()) + 20 * HOUR_MS).toISOString(),
      'grid.region': region,
    },
  });
  return batch.id;
}

/** Without what names the batch and its time. */
function answersOf(output: string): string {
  return comparable(output)
    .replaceAll(/"id":"chatcmpl-[^"]+"/g, '"id":"chatcmpl"')
    .replaceAll(/"created":\d+/g, '"created":0');
}

test(
  'a car that drives off in mid-sentence leaves its tokens to the next one, and the answers are the bytes of an undisturbed run',
  { timeout: 300_000 },
  async () => {
    const undisturbed = await expectAnsweredOnce(stack, await submit('calm'), REQUESTS);
    const batchId = await submit('leavers');
    const output = await expectAnsweredOnce(stack, batchId, REQUESTS);
    expect(answersOf(output)).toBe(answersOf(undisturbed));

    const shards = await stack.database.query<{ shard: number; handovers: number }>(
      'select shard, handovers from accepted_shards where job_id = $1',
      [batchId],
    );
    const handedOver = shards.filter(({ handovers }) => handovers > 0);
    expect(handedOver).not.toHaveLength(0);
    // What the next car went on from.
    const left = await Promise.all(
      handedOver.map(({ shard }) => stack.objects.list(objectKeys.unfinishedPrefix(batchId, shard))),
    );
    expect(left.flat()).not.toHaveLength(0);
  },
);
