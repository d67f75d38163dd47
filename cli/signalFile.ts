import { readFile } from 'node:fs/promises';

import { DateTime } from 'luxon';
import { z } from 'zod';

import { NightshiftError } from '../domain/errors.ts';
import { issueText } from '../domain/issueText.ts';
import { SIGNAL_KINDS, SIGNAL_UNITS, type SignalKind } from '../store/signals.ts';
import { parseTable } from '../backtest/traces/table.ts';

/** Spans of one kind and place, as the API takes them. */
export interface SignalPush {
  readonly kind: SignalKind;
  readonly unit: string;
  readonly feeder_id?: string;
  readonly spans: { readonly start: string; readonly end: string; readonly value: number }[];
}

interface FileDefaults {
  /** Kind of records that name none. */
  readonly kind: string | undefined;
  /** IANA zone of times without an offset. */
  readonly timeZone: string;
}

interface SignalRecord {
  readonly kind: string | undefined;
  readonly feeder: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly value: number;
}

/**
 * Reads a utility's spreadsheet: CSV, or JSON where the name ends in `.json`.
 * @throws NightshiftError `not_found`, `invalid_request` with the record and the field
 */
export async function readSignalFile(file: string, defaults: FileDefaults): Promise<SignalPush[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new NightshiftError('not_found', `${file} cannot be read.`, { field: 'file', cause });
  }
  const records = file.endsWith('.json') ? jsonRecords(text, file, defaults) : tableRecords(text, file, defaults);
  const pushes = new Map<string, SignalPush>();
  for (const [index, record] of records.entries()) {
    const kind = SIGNAL_KINDS.find((known) => known === (record.kind ?? defaults.kind));
    if (kind === undefined) {
      const problem = `kind must be one of ${SIGNAL_KINDS.join(', ')}, in the record or as --kind`;
      throw new NightshiftError('invalid_request', `${file}, record ${index + 1}: ${problem}.`, { field: 'kind' });
    }
    const { feeder, startMs, endMs, value } = record;
    const key = `${kind}/${feeder ?? ''}`;
    const unit = SIGNAL_UNITS[kind];
    const push = pushes.get(key) ?? { kind, unit, ...(feeder !== undefined && { feeder_id: feeder }), spans: [] };
    push.spans.push({ start: new Date(startMs).toISOString(), end: new Date(endMs).toISOString(), value });
    pushes.set(key, push);
  }
  return [...pushes.values()];
}

function tableRecords(text: string, file: string, { timeZone }: FileDefaults): SignalRecord[] {
  return parseTable(text, file, ['start', 'end', 'value']).rows.map((row) => ({
    kind: row.text('kind'),
    feeder: row.text('feeder'),
    startMs: row.instantMs('start', timeZone),
    endMs: row.instantMs('end', timeZone),
    value: row.number('value'),
  }));
}

function jsonRecords(text: string, file: string, { timeZone }: FileDefaults): SignalRecord[] {
  const time = z.string().transform((given, context) => {
    const instant = DateTime.fromISO(given, { zone: timeZone });
    if (!instant.isValid) context.addIssue({ code: 'custom', message: `${given} is not a time (ISO 8601)` });
    return instant.toMillis();
  });
  const recordSchema = z.strictObject({
    kind: z.string().optional(),
    feeder: z.string().optional(),
    start: time,
    end: time,
    value: z.number(),
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new NightshiftError('invalid_request', `${file} is not JSON.`, { field: 'file', cause });
  }
  const parsed = z.array(recordSchema).safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.join('.') ?? '';
    throw new NightshiftError('invalid_request', `${file}: ${field}: ${issueText(issue)}.`, { field });
  }
  return parsed.data.map(({ kind, feeder, start, end, value }) => ({
    kind,
    feeder,
    startMs: start,
    endMs: end,
    value,
  }));
}
