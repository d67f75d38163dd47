import { z } from 'zod';

const share = z.number().gt(0).max(1);

const waveSchema = z.strictObject({
  /** Share of the eligible cars that have the version when this wave is complete, 0 to 1. */
  share,
  /** Only in these regions; left out: in all. */
  regions: z.array(z.string().min(1).max(64)).min(1).max(100).optional(),
  /** Only on these classes of computers; left out: on all. */
  classes: z.array(z.string().min(1).max(64)).min(1).max(100).optional(),
  /** Grid hours that the version answers its share of the tenants before the next wave begins. */
  soak_hours: z.number().min(0).max(720).default(6),
});
export type RolloutWave = z.output<typeof waveSchema>;

/** How a version reaches the fleet, as an operator asks for it. */
export const rolloutSpecSchema = z
  .strictObject({
    waves: z
      .array(waveSchema)
      .min(1)
      .max(20)
      .default([
        { share: 0.05, soak_hours: 6 },
        { share: 0.25, soak_hours: 6 },
        { share: 1, soak_hours: 6 },
      ]),
    compare: z
      .strictObject({
        /** Real requests that the cars of each wave answer with both versions; 0: none. */
        requests: z.number().int().min(0).max(5_000).default(200),
        /** Grid hours that they have for it. */
        hours: z.number().min(0.25).max(72).default(12),
        /** An answer that is less like the present version's counts as a disagreement, 0 to 1. */
        min_agreement: z.number().min(0).max(1).default(0.99),
      })
      .prefault({}),
    limits: z
      .strictObject({
        /** Of the compared requests, share that may disagree. */
        disagreement: z.number().min(0).max(1).default(0.02),
        /** How much more often attempts at shards may fail than with the present version, as a share of them. */
        crashes: z.number().min(0).max(1).default(0.05),
        /** How many times the device time of the present version. */
        slower: z.number().min(1).max(100).default(1.25),
        /** How many times the energy of the present version. */
        energy: z.number().min(1).max(100).default(1.25),
      })
      .prefault({}),
    download: z
      .strictObject({
        /** What the cars of one feeder may fetch in an hour, megabytes. */
        mb_per_feeder_hour: z.number().min(1).max(1e6).default(20_000),
        /** Only in the off-peak windows of the car's region, where it has any. */
        off_peak_only: z.boolean().default(true),
      })
      .prefault({}),
  })
  .refine(({ waves }) => waves.every((wave, index) => index === 0 || wave.share >= (waves[index - 1]?.share ?? 0)), {
    path: ['waves'],
    message: 'each wave must have at least the share of the one before',
  })
  .refine(({ waves }) => waves.at(-1)?.share === 1 && !waves.at(-1)?.regions && !waves.at(-1)?.classes, {
    path: ['waves'],
    message: 'the last wave must have the share 1 and leave out regions and classes: it completes the roll-out',
  });
export type RolloutSpec = z.output<typeof rolloutSpecSchema>;

/** The family of models whose queues only the cars of one roll-out poll. */
export function rolloutFamily(baseFamily: string, rolloutId: number): string {
  return `${baseFamily}${MARK}${rolloutId}`;
}

/** The family whose queues one car polls that trains on its own data, while it takes part in a round. */
export function trainingFamily(baseFamily: string, participation: number): string {
  return `${baseFamily}${MARK}t${participation}`;
}

export function isRolloutFamily(family: string): boolean {
  return family.includes(MARK);
}

/** No name of a family has it. */
const MARK = '~';
