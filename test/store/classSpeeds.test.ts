import { expect, test } from 'vitest';

import { hardwareClassSchema } from '../../domain/hardwareClasses.ts';
import { completeClassSpeeds, listClassSpeeds, seedClassSpeed } from '../../store/classSpeeds.ts';
import { upsertHardwareClass } from '../../store/hardwareClasses.ts';
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

test('a model gets no speed, and so no shards, on a class whose memory it does not fit', async () => {
  await upsertHardwareClass(database, classOf('large', 4_096));
  await upsertHardwareClass(database, classOf('small', 512));
  const speed = { modelName: 'chat', modelVersion: '1', hardwareClass: 'large', statedMsPerUnit: 10 };
  await seedClassSpeed(database, { ...speed, modelMemoryMb: 1_500 });
  await seedClassSpeed(database, { ...speed, modelName: 'old' });
  await completeClassSpeeds(database);
  const classesOf = async (model: string) =>
    (await listClassSpeeds(database)).filter(({ modelName }) => modelName === model).map((each) => each.hardwareClass);
  expect((await classesOf('chat')).sort()).toEqual(['ai4', 'ai5', 'hw3', 'large']);
  expect(await classesOf('old')).toContain('small');

  // Less of it is left for models than was said before.
  await upsertHardwareClass(database, classOf('large', 1_024));
  await completeClassSpeeds(database);
  expect(await classesOf('chat')).not.toContain('large');
});
