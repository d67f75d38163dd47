import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { NightshiftError } from '../../domain/errors.ts';
import { feederSupplySchema } from '../../domain/feederSupply.ts';
import { hardwareClassId, hardwareClassSchema } from '../../domain/hardwareClasses.ts';
import { issueText } from '../../domain/issueText.ts';
import { priceBookSchema } from '../../domain/priceBook.ts';
import { siteSchema } from '../../domain/site.ts';
import { enrolmentSchema, timeZoneSchema } from '../../domain/vehicles.ts';
import { feedListSchema } from '../../activities/grid/feeds/feedConfig.ts';

const id = z.string().min(1);

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
        feeders: z
          .array(
            z.strictObject({
              id,
              failSafeImportKw: z.number().min(0),
              site: siteSchema.optional(),
              ...feederSupplySchema.partial().shape,
            }),
          )
          .min(1),
      }),
    )
    .min(1),
  /** Classes of inference computers beside those that are there from the start. */
  classes: z.array(hardwareClassSchema).default([]),
  /** What is asked of submitters and paid to owners. docs/money.md */
  priceBook: priceBookSchema.optional(),
  vehicles: z.array(enrolmentSchema),
  /** What each class is expected to take for one unit of a model's work, until cars have been measured. */
  classSpeeds: z
    .array(z.strictObject({ model: id, hardwareClass: hardwareClassId, secondsPerUnit: z.number().positive() }))
    .default([]),
});
export type CellFile = z.output<typeof cellFileSchema>;
export type CellFileInput = z.input<typeof cellFileSchema>;

/**
 * Reads a cell file (YAML or JSON).
 * @throws NightshiftError `invalid_config`, one line for each problem: the field and its limit
 */
export async function readCellFile(path: string): Promise<{ readonly cell: CellFile; readonly folder: string }> {
  const parsed = cellFileSchema.safeParse(parse(await readFile(path, 'utf8')));
  if (parsed.success) return { cell: parsed.data, folder: dirname(path) };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issueText(issue)}`);
  throw new NightshiftError('invalid_config', `${path} is not a valid cell:\n  ${problems.join('\n  ')}`);
}
