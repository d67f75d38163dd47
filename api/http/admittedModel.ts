import { z } from '@hono/zod-openapi';

import { readModel, recordModelNeeds } from '../../store/models.ts';
import { seedClassSpeed } from '../../store/classSpeeds.ts';
import { addMeasuredNoise, listMeasuredNoise } from '../../store/measuredNoise.ts';
import { toleranceOf } from '../../domain/trust/tolerance.ts';
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
    needed_memory_mb: z
      .number()
      .nullable()
      .meta({ description: 'With the cache of a full batch, where it generates.' }),
    prefill_tokens_per_s: z.number().nullable().meta({ description: 'Of one request alone; so is the next.' }),
    decode_tokens_per_s: z.number().nullable(),
    tolerance: z
      .object({ numbers: z.number(), logits: z.number() })
      .meta({ description: 'How far cars’ answers may be from a trusted computer’s, as measured here.' }),
    classes_too_small: z
      .array(z.string())
      .meta({ description: 'Hardware classes whose memory it does not fit: nothing of it is planned there.' }),
    energy_wh_per_sample: z.record(z.string(), z.number()).meta({
      description: 'By hardware class, at the speed of the machine that probed; cars that run it are measured.',
    }),
    energy_wh_per_1000_tokens: z
      .record(z.string(), z.object({ read: z.number(), written: z.number() }))
      .nullable()
      .meta({ description: 'So is this, of one request alone, where it generates; a batch takes less.' }),
  }),
});

/** The clock is no finer. */
const MIN_MS_PER_SAMPLE = 0.01;

function whPer1000(chipKw: number, tokensPerSecond: number): number {
  return rounded((chipKw * 1_000_000) / (tokensPerSecond * 3_600), 6);
}

/** Says how fast each class of cars is held to be until they are measured. @returns the answer to who sent the model */
export async function answerAdmitted(
  database: Database,
  tenantId: string,
  admitted: AdmittedModel,
): Promise<z.input<typeof admittedSchema>> {
  const {
    name,
    version,
    msPerSample,
    unitsPerSample,
    peakMemoryMb,
    neededMemoryMb: modelMemoryMb,
    tokensPerSecond,
    sha256,
    noise,
  } = admitted;
  await addMeasuredNoise(database, sha256, { hardwareClass: null, noise, samples: 1 });
  const measured = await listMeasuredNoise(database, sha256);
  const known = await listHardwareClasses(database);
  const classes = known.filter(({ memoryMb }) => (modelMemoryMb ?? 0) <= (memoryMb ?? Number.POSITIVE_INFINITY));
  const tooSmall = known.filter((each) => !classes.includes(each));
  const statedMsPerUnit = Math.max(msPerSample, MIN_MS_PER_SAMPLE) / unitsPerSample;
  await recordModelNeeds(database, { name, version }, { memoryMb: modelMemoryMb, msPerUnit: statedMsPerUnit });
  for (const { id: hardwareClass } of classes) {
    await seedClassSpeed(database, { modelName: name, modelVersion: version, hardwareClass, statedMsPerUnit });
  }
  const model = await readModel(database, tenantId, name, version);
  if (!model) throw notFound('model', name);
  const byClass = <Value>(of: (chipKw: number) => Value): Record<string, Value> =>
    Object.fromEntries(classes.map(({ id, chipKw }) => [id, of(chipKw)]));
  return {
    ...modelToWire(model),
    x_probe: {
      ms_per_sample: rounded(msPerSample, 3),
      peak_memory_mb: peakMemoryMb ?? null,
      needed_memory_mb: modelMemoryMb ?? null,
      prefill_tokens_per_s: tokensPerSecond ? rounded(tokensPerSecond.prefill, 1) : null,
      decode_tokens_per_s: tokensPerSecond ? rounded(tokensPerSecond.decode, 1) : null,
      tolerance: toleranceOf(measured.map((each) => each.noise)),
      classes_too_small: tooSmall.map(({ id }) => id),
      energy_wh_per_sample: byClass((chipKw) => rounded((chipKw * msPerSample) / 3600, 6)),
      energy_wh_per_1000_tokens: tokensPerSecond
        ? byClass((chipKw) => ({
            read: whPer1000(chipKw, tokensPerSecond.prefill),
            written: whPer1000(chipKw, tokensPerSecond.decode),
          }))
        : null,
    },
  };
}
