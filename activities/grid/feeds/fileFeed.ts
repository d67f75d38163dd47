import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { SIGNAL_KINDS, SIGNAL_UNITS, type SignalSpan } from '../../../store/signals.ts';
import type { GridFeed } from './feed.ts';

const CARBON_KINDS: Readonly<Record<string, 'average' | 'marginal'>> = {
  carbon: 'average',
  marginal_carbon: 'marginal',
};
const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/** One record of a signal file: a value over the half-open span [start, end). docs/cell-file.md describes the form. */
const signalRecordSchema = z
  .object({
    series: z.enum(SIGNAL_KINDS),
    /** Left out for what holds in the whole region. */
    feederId: z.string().optional(),
    /** Of carbon figures, and then that of the series: the two kinds never mix. */
    kind: z.enum(['average', 'marginal']).optional(),
    start: instant,
    end: instant,
    value: z.number(),
    unit: z.string(),
    forecast: z.boolean().default(false),
    /** The record is not known before; so a file can hold what was announced later. */
    generatedAt: instant.optional(),
    revision: z.number().int().default(1),
    source: z.string(),
  })
  .refine((record) => record.start < record.end, { path: ['end'], message: 'must be after start' })
  .superRefine(({ series, unit, kind }, context) => {
    const wrong = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (unit !== SIGNAL_UNITS[series]) wrong('unit', `must be ${SIGNAL_UNITS[series]}`);
    if (kind !== undefined && kind !== CARBON_KINDS[series]) wrong('kind', `${kind} does not fit series ${series}`);
  });
type SignalRecord = z.infer<typeof signalRecordSchema>;

/** Reads signals from a JSON file, an array of records; the file is read anew each time, so it may be replaced. */
export function createFileFeed(regionId: string, path: string, priority: number): GridFeed {
  return {
    name: basename(path),
    async read(window, nowMs) {
      const records = z.array(signalRecordSchema).parse(JSON.parse(await readFile(path, 'utf8')));
      const newest = new Map<string, SignalRecord>();
      for (const record of records) {
        if ((record.generatedAt ?? nowMs) > nowMs || record.end <= window.startMs || record.start >= window.endMs)
          continue;
        const key = `${record.series}/${record.feederId ?? ''}/${record.source}/${record.start}`;
        const known = newest.get(key);
        if (!known || known.revision < record.revision) newest.set(key, record);
      }
      return [...newest.values()].map((record) => spanOf(regionId, record, priority, nowMs));
    },
  };
}

function spanOf(regionId: string, record: SignalRecord, priority: number, nowMs: number): SignalSpan {
  const { feederId = null, series: kind, start: startMs, end: endMs, value, unit, source, forecast } = record;
  return { regionId, feederId, kind, startMs, endMs, value, unit, source, forecast, priority, fetchedAtMs: nowMs };
}
