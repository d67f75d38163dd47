import { afterAll, beforeAll, expect, test } from 'vitest';

import { TrainingClient } from '../../api/client/trainingClient.ts';
import { eventually } from '../support/eventually.ts';
import { calmNight } from './support/calmNight.ts';
import { Stack } from './support/stack.ts';
import { CLIENTS, LENGTH, startTinyTraining, STEPS } from './support/tinyTraining.ts';

const LIMIT_MS = 150_000;
const ROUNDS = 4;

let stack: Stack;

beforeAll(async () => {
  stack = await Stack.start(calmNight());
}, 180_000);
afterAll(() => stack?.remove(), 60_000);

test(
  'a model is trained on cars, its coordinator dies in a round, no round is lost, and what was trained answers',
  { timeout: 240_000 },
  async () => {
    const api = await stack.api();
    const trainings = new TrainingClient(api);
    const id = await startTinyTraining(api, ROUNDS);
    await eventually('the second round is under way', LIMIT_MS, async () => {
      const { rounds, state, message } = await trainings.read(id);
      if (state === 'failed') throw new Error(message);
      return rounds.some(({ round, version }) => round === 2 && version === null) || undefined;
    });
    await stack.killProcess('control');
    const run = await eventually('the run ends', LIMIT_MS, async () => {
      const read = await trainings.read(id);
      return ['completed', 'failed', 'cancelled'].includes(read.state) ? read : undefined;
    });
    expect(run).toMatchObject({ state: 'completed', message: `All ${ROUNDS} rounds are done.` });
    expect(run.rounds.map(({ version }) => version)).toEqual([1, 2, 3, 4]);
    for (const round of run.rounds) {
      expect(round).toMatchObject({ updates: CLIENTS, partial: 0, steps: CLIENTS * STEPS });
      expect(round.energy_wh).toBeGreaterThan(0);
    }
    expect(run.rounds.at(-1)?.test_accuracy).toBeGreaterThan(0.9);

    // As any other work, each client is paid once.
    const paid = await stack.database.query<{ reference: string }>(
      `select reference from ledger_bookings where kind = 'compute' and batch_id = any($1)`,
      [run.rounds.map(({ batch_id }) => batch_id)],
    );
    expect(new Set(paid.map(({ reference }) => reference)).size).toBe(ROUNDS * CLIENTS);

    await trainings.publish(id, { name: 'tiny' });
    const body = { inputs: [{ name: 'input_ids', datatype: 'INT64', shape: [1, LENGTH], data: [2, 5, 8, 11, 14, 2] }] };
    const answer = (await api.json('POST', '/v2/models/tiny/infer', body)) as { outputs: { data: number[] }[] };
    const logits = answer.outputs[0]?.data ?? [];
    expect(logits.indexOf(Math.max(...logits))).toBe(1);
  },
);
