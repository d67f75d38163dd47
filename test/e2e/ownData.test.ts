import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { TrainingClient } from '../../api/client/trainingClient.ts';
import { classifierNetwork } from '../../demo/training/networks.ts';
import { seededRandom } from '../../domain/random.ts';
import { compileTraining } from '../../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../../inference/training/trainingManifest.ts';
import { eventually } from '../support/eventually.ts';
import { calmNight } from './support/calmNight.ts';
import { Stack } from './support/stack.ts';

/** A round has four phases, and each takes a plan: on a busy computer, many times the half minute that it takes alone. */
const LIMIT_MS = 600_000;
const [WORDS, CLASSES, LENGTH, BATCH] = [30, 3, 6, 8];
const POLICY = { readyBy: '08:00', targetSocPercent: 80, minimumSocPercent: 30, computeSocFloorPercent: 40 };
const AGREED = { ...POLICY, ownData: { datasets: ['trips'], termsVersion: '1', givenAtMs: 1 } };
/** The last car's owner has not agreed, and the one before has agreed to data that the car does not have. */
const CARS = 5;

let stack: Stack;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-own-data-'));
  const cars = await Promise.all(
    Array.from({ length: CARS }, async (_, car) => {
      const ownDataFolder = join(folder, `car-${car}`);
      await mkdir(ownDataFolder);
      if (car !== CARS - 2) await writeFile(join(ownDataFolder, 'trips.jsonl'), examples(80, car));
      return { ownDataFolder, policy: car === CARS - 1 ? POLICY : AGREED };
    }),
  );
  // Slower than other nights: phase after phase, cars are not to fall asleep on a busy computer.
  stack = await Stack.start({ ...calmNight({ berlin: cars }), scale: 60 });
}, 180_000);
afterAll(async () => {
  await stack?.remove();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

function examples(count: number, seed: number): string {
  const random = seededRandom(seed);
  const lines = Array.from({ length: count }, () => {
    const label = Math.floor(random() * CLASSES);
    const word = (): number => 1 + label + CLASSES * Math.floor(random() * 8);
    return JSON.stringify({ input_ids: Array.from({ length: LENGTH }, word), labels: label });
  });
  return `${lines.join('\n')}\n`;
}

test(
  'cars train on data that never leaves them, and the server sees the sum of their updates alone',
  { timeout: LIMIT_MS + 60_000 },
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
    data.append('file', new Blob([examples(80, 99)]), 'test.jsonl');
    const file = (await (await api.call('/v1/files', { method: 'POST', body: data })).json()) as { id: string };
    const trainings = new TrainingClient(api);
    const asked = {
      name: 'own',
      model: 'tiny-training',
      test_file_id: file.id,
      plan: {
        data: { kind: 'own' as const, dataset: 'trips', secure_aggregation: true },
        optimizer: { kind: 'sgd' as const, learning_rate: 0.5 },
        privacy: { clip_norm: 6, noise_multiplier: 0.01 },
        rounds: 1,
        local_steps: 60,
        clients: 10,
        min_available_clients: 3,
        // Of real time, twenty minutes.
        round_minutes: 1_200,
      },
    };
    const { plan } = asked;
    const tooMuch = { ...asked, plan: { ...plan, privacy: { ...plan.privacy, max_epsilon: 2 } } };
    await expect(trainings.start(tooMuch)).rejects.toThrow('plan.privacy.max_epsilon: 1 rounds would come to');
    const { id } = await trainings.start(asked);
    const run = await eventually('the run ends', LIMIT_MS, async () => {
      const read = await trainings.read(id);
      return ['completed', 'failed', 'cancelled'].includes(read.state) ? read : undefined;
    });
    expect(run).toMatchObject({ state: 'completed', message: 'All 1 rounds are done.' });
    const [round] = run.rounds;
    // Four agreed; the one that has no such data dropped out.
    expect(round).toMatchObject({ version: 1, clients: 4, updates: 3, train_loss: null });
    expect(round?.test_accuracy).toBeGreaterThan(0.8);
    expect(round?.epsilon).toBeGreaterThan(100);
    expect(round?.energy_wh).toBeGreaterThan(0);

    const phases = await stack.database.query<{ kind: string; cars: number }>(
      'select kind, count(*)::int as cars from training_phases group by kind, place order by place',
    );
    expect(phases).toEqual([
      { kind: 'keys', cars: 4 },
      { kind: 'shares', cars: 3 },
      { kind: 'masked', cars: 3 },
      { kind: 'reveal', cars: 3 },
    ]);
    const strangers = await stack.database.query(
      `select 1 from training_phases p join vehicles v on v.id = p.vehicle_id where v.policy::jsonb -> 'ownData' is null`,
    );
    expect(strangers).toEqual([]);
    // Nothing of the round is left: neither queues of cars, nor what cars kept of it.
    expect(await stack.database.query('select 1 from training_cars')).toEqual([]);
    const kept = (await readdir(join(stack.stateDir, 'fleet'), { recursive: true })).filter((name) =>
      name.includes('own-training/'),
    );
    expect(kept).toEqual([]);
  },
);
