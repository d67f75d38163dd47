import { z } from '@hono/zod-openapi';

import { readModel } from '../../store/models.ts';
import { seedClassSpeed } from '../../store/classSpeeds.ts';
import { listHardwareClasses } from '../../store/hardwareClasses.ts';
import type { Database } from '../../store/database.ts';
import type { AdmittedModel } from './ports.ts';
import { modelSchema, modelToWire } from './modelRoutes.ts';
import { rounded } from './plannedWindows.ts';
import { notFound } from './wire.ts';

export const admittedSchema = modelSchema.extend({
  x_probe: z.object({
    ms_per_sample: z.number(),
    peak_memory_mb: z.number().nullable(),
    energy_wh_per_sample: z.record(z.string(), z.number()).meta({
      description: 'By hardware class, at the speed of the machine that probed; cars that run it are measured.',
    }),
  }),
});

/** Says how fast each class of cars is held to be until they are measured. @returns the answer to who sent the model */
export async function answerAdmitted(
  database: Database,
  tenantId: string,
  admitted: AdmittedModel,
): Promise<z.input<typeof admittedSchema>> {
  const { name, version, msPerSample, unitsPerSample, peakMemoryMb } = admitted;
  const classes = await listHardwareClasses(database);
  for (const { id: hardwareClass } of classes) {
    const statedMsPerUnit = Math.max(msPerSample, 0.01) / unitsPerSample;
    await seedClassSpeed(database, { modelName: name, modelVersion: version, hardwareClass, statedMsPerUnit });
  }
  const model = await readModel(database, tenantId, name, version);
  if (!model) throw notFound('model', name);
  const energy = classes.map(({ id, chipKw }) => [id, rounded((chipKw * msPerSample) / 3600, 6)]);
  return {
    ...modelToWire(model),
    x_probe: {
      ms_per_sample: rounded(msPerSample, 3),
      peak_memory_mb: peakMemoryMb ?? null,
      energy_wh_per_sample: Object.fromEntries(energy),
    },
  };
}
