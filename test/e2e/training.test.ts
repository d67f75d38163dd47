import { afterAll, beforeAll, expect, test } from 'vitest';

import { TrainingClient } from '../../api/client/trainingClient.ts';
import { classifierNetwork } from '../../demo/training/networks.ts';
import { compileTraining } from '../../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../../inference/training/trainingManifest.ts';
import { seededRandom } from '../../domain/random.ts';
import { eventually } from '../support/eventually.ts';
import { calmNight } from './support/calmNight.ts';
import { Stack } from './support/stack.ts';

const LIMIT_MS = 150_000;
const [WORDS, CLASSES, LENGTH, BATCH] = [30, 3, 6, 8];
const [ROUNDS, CLIENTS, STEPS] = [4, 4, 30];

let stack: Stack;

beforeAll(async () => {
  stack = await Stack.start(calmNight());
}, 180_000);
afterAll(() => stack?.remove(), 60_000);

/** Texts whose class is that of their words: each class has words of its own. */
function examples(count: number): string {
  const random = seededRandom(3);
  const lines = Array.from({ length: count }, () => {
    const label = Math.floor(random() * CLASSES);
    const word = (): number => 1 + label + CLASSES * Math.floor(random() * 8);
    return JSON.stringify({ input_ids: Array.from({ length: LENGTH }, word), labels: label });
  });
  return `${lines.join('\n')}\n`;
}

test(
  'a model is trained on cars, its coordinator dies in a round, no round is lost, and what was trained answers',
  { timeout: 240_000 },
  async () => {
    const api = await stack.api();
    const network = classifierNetwork({ words: WORDS, dimensions: 8, hidden: 8, classes: CLASSES, length: LENGTH });
    const compiled = await compileTraining(network, { loss: 'softmax-cross-entropy', lengths: { batch: BATCH } });
    const model = new FormData();
    const pipeline = trainingPipelineOf(compiled.description);
    model.append('manifest', JSON.stringify({ name: 'tiny-training', pipeline }));
    model.append('file', new Blob([new Uint8Array(compiled.file)]), 'tiny.onnx');
    await api.call('/v1/models', { method: 'POST', body: model });
    const data = new FormData();
    data.append('purpose', 'batch');
    data.append('file', new Blob([examples(400)]), 'examples.jsonl');
    const file = (await (await api.call('/v1/files', { method: 'POST', body: data })).json()) as { id: string };

    const trainings = new TrainingClient(api);
    const { id } = await trainings.start({
      name: 'tiny',
      model: 'tiny-training',
      train_file_id: file.id,
      plan: {
        optimizer: { kind: 'sgd', learning_rate: 0.3 },
        rounds: ROUNDS,
        local_steps: STEPS,
        clients: CLIENTS,
        // Six minutes of real time: a coordinator that comes back has them left.
        round_minutes: 1_440,
      },
    });
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
