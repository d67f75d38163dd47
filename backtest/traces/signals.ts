import { MINUTE_MS } from '../../domain/durations.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { parseTable } from './table.ts';

/** Price, carbon and temperature of one region at equal steps. */
export interface SignalSeries {
  readonly startMs: number;
  readonly stepMs: number;
  readonly priceEurPerKwh: Float64Array;
  readonly carbonGPerKwh: Float64Array;
  readonly ambientCelsius: Float64Array;
}

const UTC = 'utc';
const PRICE = 'price_eur_per_mwh';
const CARBON = 'carbon_g_per_kwh';
const TEMPERATURE_PREFIX = 'temp_c';

/**
 * Reads grid signals. Columns, in any order, others are ignored:
 *
 * | column | meaning |
 * |---|---|
 * | `utc` | start of the step, UTC, `YYYY-MM-DD HH:MM[:SS]`, ascending at equal steps |
 * | `price_eur_per_mwh` | day-ahead price, EUR/MWh |
 * | `carbon_g_per_kwh` | carbon intensity, gCO2/kWh |
 * | `temp_c…` | ambient temperature, °C; the first column whose name begins so, or the one that is asked for |
 *
 * @throws NightshiftError invalid_request, naming file, line and column; a gap is an error, not a zero
 */
export function readSignals(text: string, file: string, temperatureColumn?: string): SignalSeries {
  const table = parseTable(text, file, [UTC, PRICE, CARBON, ...(temperatureColumn ? [temperatureColumn] : [])]);
  const temperature = temperatureColumn ?? table.columns.find((name) => name.startsWith(TEMPERATURE_PREFIX));
  if (temperature === undefined) {
    const message = `${file} has no column that begins with ${JSON.stringify(TEMPERATURE_PREFIX)}.`;
    throw new NightshiftError('invalid_request', message, { field: TEMPERATURE_PREFIX });
  }
  const [first, second] = table.rows;
  if (!first || !second) {
    throw new NightshiftError('invalid_request', `${file} needs at least two rows.`, { field: UTC });
  }
  const startMs = first.instantMs(UTC, UTC);
  const stepMs = second.instantMs(UTC, UTC) - startMs;
  if (stepMs <= 0) throw second.wrong(UTC, 'times must ascend');
  for (const [index, row] of table.rows.entries()) {
    const expectedMs = startMs + index * stepMs;
    if (row.instantMs(UTC, UTC) !== expectedMs) {
      throw row.wrong(
        UTC,
        `${new Date(expectedMs).toISOString()} was expected, since steps are ${stepMs / MINUTE_MS} minutes`,
      );
    }
  }
  return {
    startMs,
    stepMs,
    priceEurPerKwh: Float64Array.from(table.rows, (row) => row.number(PRICE) / 1000),
    carbonGPerKwh: Float64Array.from(table.rows, (row) => row.number(CARBON)),
    ambientCelsius: Float64Array.from(table.rows, (row) => row.number(temperature)),
  };
}

export function signalsEndMs(signals: SignalSeries): number {
  return signals.startMs + signals.stepMs * signals.priceEurPerKwh.length;
}
