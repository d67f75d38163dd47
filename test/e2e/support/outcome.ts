import { expect } from 'vitest';
import { parseAnswerLine } from '../../../domain/batchLines.ts';
import type { Stack } from './stack.ts';

/** Ids of answers derive from the batch's id, so they differ from batch to batch; all else must be the same bytes. */
export function comparable(output: string): string {
  return output.replaceAll(/"(batch_req|req)_[0-9a-f]+"/g, '"$1"');
}

/**
 * Waits for the batch's end and holds it against the output of an undisturbed run: the same bytes, every request answered
 * once, none with an error, every shard accepted and paid once.
 */
export async function expectUndisturbed(
  stack: Stack,
  batchId: string,
  requests: number,
  undisturbed: string,
): Promise<void> {
  expect(comparable(await expectAnsweredOnce(stack, batchId, requests))).toBe(comparable(undisturbed));
}

/** Waits for the batch's end: every request answered once, none with an error, every shard accepted and paid once. */
export async function expectAnsweredOnce(
  stack: Stack,
  batchId: string,
  requests: number,
  limitMs?: number,
): Promise<string> {
  const output = await stack.finished(batchId, limitMs);
  const answers = output.trimEnd().split('\n').map(parseAnswerLine);
  expect(new Set(answers.map((answer) => answer.custom_id)).size).toBe(requests);
  expect(answers.map(({ response }) => response?.status_code)).toEqual(Array.from({ length: requests }, () => 200));
  await expectPaidOnce(stack, batchId, requests);
  return output;
}

/** Every shard was accepted once, and its energy booked once for each car that had part in it. */
async function expectPaidOnce({ database }: Stack, batchId: string, requests: number): Promise<void> {
  const [accepted] = await database.query<{ lines: number; shards: number }>(
    'select sum(completed) as lines, count(*) as shards from accepted_shards where job_id = $1',
    [batchId],
  );
  expect(accepted?.lines).toBe(requests);
  const booked = await database.query<{ reference: string; cars: number; entries: number }>(
    `select reference, count(distinct vehicle_id) as cars, count(*) as entries from ledger_bookings
     where kind in ('compute', 'quorum') and reference like $1 group by reference`,
    [`job/${batchId}/%`],
  );
  expect(booked).toHaveLength(accepted?.shards ?? 0);
  for (const { cars, entries } of booked) expect(entries).toBe(cars);
}
