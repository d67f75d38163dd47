import { NightshiftError } from '../../domain/errors.ts';
import { parseTable } from '../../backtest/traces/table.ts';
import type { CarbonSeries, DeferrableJob } from './savings.ts';

export const RUN_STEP_MINUTES = 30;
const STEP_MS = RUN_STEP_MINUTES * 60_000;
const TIME = 'Time';
const INTENSITY = 'Carbon Intensity';

/**
 * Reads a carbon file onto half-hour steps. Each step takes the row at its start, as the published experiments do with
 * finer files, or else the row before it, which is how an hourly file and a hole are read.
 * @param text columns `Time` (UTC, ascending) and `Carbon Intensity` (gCO2/kWh)
 * @param startMs first step; the series ends with the last row
 * @returns the series, and how many of its steps had no row of their own although the file's step is not longer
 */
export function readCarbonSeries(
  text: string,
  file: string,
  startMs: number,
): { carbon: CarbonSeries; fileStepMinutes: number; stepsFilled: number } {
  const rows = parseTable(text, file, [TIME, INTENSITY]).rows.map((row) => ({
    row,
    atMs: row.instantMs(TIME, 'utc'),
    gPerKwh: row.number(INTENSITY),
  }));
  for (const [index, { row, atMs }] of rows.entries()) {
    if (index > 0 && atMs <= (rows[index - 1]?.atMs ?? -Infinity)) throw row.wrong(TIME, 'times must ascend');
  }
  const fileStepMs = Math.min(...rows.slice(1).map(({ atMs }, index) => atMs - (rows[index]?.atMs ?? 0)));
  const first = rows[0];
  const last = rows.at(-1);
  if (!first || !last || rows.length < 2 || first.atMs > startMs || last.atMs <= startMs) {
    const start = new Date(startMs).toISOString();
    throw new NightshiftError('invalid_request', `${file} does not reach from ${start} on.`, { field: 'from' });
  }
  const endMs = last.atMs + Math.max(0, fileStepMs - STEP_MS);
  const count = Math.floor((endMs - startMs) / STEP_MS) + 1;
  const gPerKwh = new Float64Array(count);
  let stepsFilled = 0;
  let at = 0;
  for (let step = 0; step < count; step++) {
    const stepMs = startMs + step * STEP_MS;
    while ((rows[at + 1]?.atMs ?? Infinity) <= stepMs) at++;
    const current = rows[at];
    gPerKwh[step] = current?.gPerKwh ?? 0;
    if (stepMs - (current?.atMs ?? stepMs) >= fileStepMs) stepsFilled++;
  }
  return {
    carbon: { axis: { startMs, slotMinutes: RUN_STEP_MINUTES, count }, gPerKwh },
    fileStepMinutes: fileStepMs / 60_000,
    stepsFilled,
  };
}

/**
 * Reads a job list.
 * @param text columns `arrival_min` (minutes after the first step) and `duration_min`, both whole half hours
 */
export function readJobs(text: string, file: string, startMs: number): DeferrableJob[] {
  return parseTable(text, file, ['arrival_min', 'duration_min']).rows.map((row) => {
    const minutes = (column: string): number => {
      const value = row.number(column);
      if (value < 0 || value % RUN_STEP_MINUTES !== 0) {
        throw row.wrong(column, `${value} is not a whole number of steps of ${RUN_STEP_MINUTES} minutes`);
      }
      return value * 60_000;
    };
    const arrivalMs = startMs + minutes('arrival_min');
    const durationMs = minutes('duration_min');
    if (durationMs === 0) throw row.wrong('duration_min', 'must be above 0');
    return { arrivalMs, durationMs };
  });
}
