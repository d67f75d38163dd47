import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { NightshiftError } from '../../domain/errors.ts';
import { HARDWARE_CLASS_NAMES } from '../../domain/hardwareClasses.ts';
import { chargerSchema, ownerPolicySchema } from '../../domain/vehicles.ts';
import { feedListSchema, timeZoneSchema } from '../../activities/grid/feeds/feedConfig.ts';

const id = z.string().min(1);
const hardwareClass = z.enum(HARDWARE_CLASS_NAMES);

/** A cell as its operator writes it down. Relative paths are meant from the file's folder. docs/cell-file.md */
export const cellFileSchema = z.strictObject({
  id,
  slotMinutes: z.number().int().min(1).max(60).default(15),
  /**
   * Grid time for a cell of simulated cars; left out: real time. Another `incarnation` restarts the clock at `origin`,
   * and the cell with it: its workflows end, its signals, stays and plans are removed.
   */
  clock: z
    .strictObject({ origin: z.iso.datetime(), scale: z.number().positive(), incarnation: z.string().default('1') })
    .optional(),
  regions: z
    .array(
      z.strictObject({
        id,
        timeZone: timeZoneSchema,
        feeds: feedListSchema,
        feeders: z.array(z.strictObject({ id, failSafeImportKw: z.number().min(0) })).min(1),
      }),
    )
    .min(1),
  vehicles: z.array(
    z.strictObject({
      id,
      feeder: id,
      owner: id,
      displayName: z.string().min(1),
      carModel: z.string().min(1),
      hardwareClass,
      batteryKwh: z.number().positive(),
      charger: chargerSchema,
      policy: ownerPolicySchema
        .extend({ timeZone: timeZoneSchema })
        .refine((policy) => !policy.computeOptIn || policy.consent !== undefined, {
          path: ['consent'],
          message: 'must say what the owner agreed to and when, since computeOptIn is true',
        }),
    }),
  ),
  /** What each class is expected to take for one line of a model, until cars have been measured. */
  classSpeeds: z.array(z.strictObject({ model: id, hardwareClass, secondsPerUnit: z.number().positive() })).default([]),
});
export type CellFile = z.infer<typeof cellFileSchema>;

/**
 * Reads a cell file (YAML or JSON).
 * @throws NightshiftError `invalid_config`, one line for each problem: the field and its limit
 */
export async function readCellFile(path: string): Promise<{ readonly cell: CellFile; readonly folder: string }> {
  const parsed = cellFileSchema.safeParse(parse(await readFile(path, 'utf8')));
  if (parsed.success) return { cell: parsed.data, folder: dirname(path) };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new NightshiftError('invalid_config', `${path} is not a valid cell:\n  ${problems.join('\n  ')}`);
}
