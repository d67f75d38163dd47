import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gridTimeMs } from '../../domain/clock.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { writeTinyLlama } from '../support/tinyLlama.ts';
import { calmNight } from './support/calmNight.ts';
import { comparable, expectAnsweredOnce } from './support/outcome.ts';
import { Stack } from './support/stack.ts';

const REQUESTS = 8;
const TOKENS = 200;
/** Runners give way to all others: on a busy machine they take long. */
const LIMIT_MS = 200_000;
const MODEL = 'tiny';
/**
 * As soon as it computes, for a while, and again: whichever car has the shard first leaves it in the middle. The first time may be
 * spent on the night's own batch.
 */
const AWAY_IN_MID_SHARD = ['20:00', '21:00', '22:00'].map(
  (leaves) =>
    ({
      leaves: `2026-01-14T${leaves}:00Z`,
      waitsForComputingUntil: '2026-01-17T12:00:00Z',
      manner: 'gear_first',
      awayMinutes: 40,
    }) as const,
);

let stack: Stack;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-chats-'));
  await writeTinyLlama(join(folder, 'model'), { layout: 'huggingface', weights: 'fp32' });
  await writeFile(join(folder, 'chats.jsonl'), requests());
  stack = await Stack.start(
    calmNight({
      calm: [{}],
      leavers: [{ trips: AWAY_IN_MID_SHARD }, { trips: AWAY_IN_MID_SHARD }],
    }),
  );
  await stack.command('model', 'add', join(folder, 'model'), '--name', MODEL);
}, 180_000);
afterAll(async () => {
  await stack?.remove();
  await rm(folder, { recursive: true });
}, 60_000);

/** Half of them greedy, half sampled; long enough that a car which leaves is in the middle of them. */
function requests(): string {
  return Array.from({ length: REQUESTS }, (_, index) => {
    const body = {
      model: MODEL,
      messages: [{ role: 'user', content: `Question ${index}` }],
      max_completion_tokens: TOKENS,
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
  'chats of a car that drives off while it generates are gone on with by another, in the bytes of an undisturbed run',
  { timeout: 2 * LIMIT_MS + 20_000 },
  async () => {
    // First, while no car is measured: all requests are one shard then.
    const batchId = await submit('leavers');
    const output = await expectAnsweredOnce(stack, batchId, REQUESTS, LIMIT_MS);
    const undisturbed = await expectAnsweredOnce(stack, await submit('calm'), REQUESTS, LIMIT_MS);
    expect(answersOf(output)).toBe(answersOf(undisturbed));

    // How many tokens it had by then is a matter of the machine; test/car/shard cuts an answer in its middle.
    const [{ handovers } = { handovers: 0 }] = await stack.database.query<{ handovers: number }>(
      'select coalesce(sum(handovers), 0)::int as handovers from accepted_shards where job_id = $1',
      [batchId],
    );
    expect(handovers).toBeGreaterThan(0);
  },
);
