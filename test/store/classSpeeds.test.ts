import { expect, test } from 'vitest';

import { hardwareClassSchema } from '../../domain/hardwareClasses.ts';
import { tooLargeFor } from '../../domain/modelMemory.ts';
import { completeClassSpeeds, listClassSpeeds, seedClassSpeed } from '../../store/classSpeeds.ts';
import { upsertHardwareClass } from '../../store/hardwareClasses.ts';
import { addModel, recordModelNeeds } from '../../store/models.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();

const classOf = (id: string, memoryMb: number | null) =>
  hardwareClassSchema.parse({
    id,
    memoryMb,
    chipKw: 0.02,
    awakeKw: 0,
    cooling: 'included',
    providers: ['cpu'],
    source: 'test',
  });

async function addNeeding(name: string, memoryMb: number | undefined): Promise<void> {
  const model = { name, version: '1', family: 'general', sha256: '0'.repeat(64) };
  await addModel(database, { ...model, manifest: {}, tenantId: null });
  await recordModelNeeds(database, model, { memoryMb, msPerUnit: 20 });
}

const speedsOf = async (model: string) =>
  (await listClassSpeeds(database)).filter(({ modelName }) => modelName === model);
const classesOf = async (model: string): Promise<string[]> =>
  (await speedsOf(model)).map(({ hardwareClass }) => hardwareClass).toSorted();

test('a model gets no speed, and so no shards, on a class whose memory it does not fit', async () => {
  await upsertHardwareClass(database, classOf('large', 4_096));
  await upsertHardwareClass(database, classOf('small', 512));
  await addNeeding('chat', 1_500);
  await addNeeding('old', undefined);
  const speed = { modelName: 'chat', modelVersion: '1', hardwareClass: 'large', statedMsPerUnit: 10 };
  await seedClassSpeed(database, speed);
  await seedClassSpeed(database, { ...speed, modelName: 'old' });
  await completeClassSpeeds(database);
  expect(await classesOf('chat')).toEqual(['ai4', 'ai5', 'hw3', 'large']);
  expect(await classesOf('old')).toContain('small');

  // Less of it is left for models than was said before.
  await upsertHardwareClass(database, classOf('large', 1_024));
  await completeClassSpeeds(database);
  expect(await classesOf('chat')).not.toContain('large');
});

test('a model that fitted no class gets its probed speed on the first that has room for it', async () => {
  for (const id of ['ai4', 'ai5', 'hw3']) await upsertHardwareClass(database, classOf(id, 1_024));
  await addNeeding('huge', 9_000);
  await completeClassSpeeds(database);
  expect(await classesOf('huge')).toEqual([]);
  await upsertHardwareClass(database, classOf('roomy', 16_000));
  await completeClassSpeeds(database);
  expect(await speedsOf('huge')).toMatchObject([{ hardwareClass: 'roomy', statedMsPerUnit: 20 }]);
});

test('why there is no room names both sizes and what to do', () => {
  const chat = { name: 'chat', memoryMb: 1_500 };
  expect(tooLargeFor(1_024, chat)).toBe(
    'The model "chat" needs 1500 MiB of a car\'s memory; the cars here have at most 1024. ' +
      'Add a smaller variant of it, such as q4, or a smaller model.',
  );
  expect(tooLargeFor(1_500, chat)).toBeUndefined();
  for (const unknown of [null, undefined]) expect(tooLargeFor(unknown, chat)).toBeUndefined();
  expect(tooLargeFor(1, { ...chat, memoryMb: null })).toBeUndefined();
});
