import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import { seededRandom } from '../../domain/random.ts';
import { derivedSeed } from '../../simulator/random.ts';
import type { TemperatureSpan } from '../../simulator/weather.ts';
import type { NightFeeder, NightFile, NightRegion } from './nightFile.ts';

export type SignalSeries = 'price' | 'carbon' | 'temperature' | 'import_limit' | 'house_load';

/** One value of a grid signal in the normal form that the file feed reads: half-open [start, end), RFC 3339 in UTC. */
export interface SignalRecord {
  readonly series: SignalSeries;
  /** Left out for what holds in the whole region. */
  readonly feederId?: string;
  /** What a carbon figure means. Average and marginal never mix. */
  readonly kind?: 'average' | 'marginal';
  readonly start: string;
  readonly end: string;
  readonly value: number;
  readonly unit: string;
  readonly forecast: boolean;
  /** Nobody can know the record before. */
  readonly generatedAt: string;
  readonly revision: number;
  readonly source: string;
}

const STEP_MS = 15 * MINUTE_MS;
const RIPPLE = 0.02;
const TEMPERATURE_DIGITS = 1;
/** Names the made-up source in every record, so that nobody takes it for a measurement. */
const SOURCE = 'nightshift-demo-made-up';

/** Half-open grid time, whole UTC days. */
export interface SignalWindow {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * What the region's feeds say in the window, made up from the scenario's curves. Every day has the same curves with a
 * ripple of its own, so that windows that overlap agree.
 */
export function nightSignals(
  night: NightFile,
  region: NightRegion,
  window: SignalWindow = nightSpan(night),
): SignalRecord[] {
  const series = (name: SignalSeries, unit: string, curve: readonly number[], digits: number): SignalRecord[] =>
    steps(night, `${region.id} ${name}`, curve, digits, window).map((step) => ({
      ...record(night, name, unit, step),
      ...(name === 'carbon' ? ({ kind: 'average' } as const) : {}),
    }));
  return [
    ...series('price', 'EUR/kWh', region.priceEurPerKwh, 4),
    ...series('carbon', 'g/kWh', region.carbonGPerKwh, 0),
    ...series('temperature', 'Cel', region.temperatureC, TEMPERATURE_DIGITS),
    ...region.feeders.flatMap((feeder) => feederSeries(night, feeder, window)),
  ];
}

/** The region's temperature as its cars feel it: the same values that the feed tells. */
export function temperatures(night: NightFile, region: NightRegion, window: SignalWindow): TemperatureSpan[] {
  return steps(night, `${region.id} temperature`, region.temperatureC, TEMPERATURE_DIGITS, window).map(
    ({ startMs, value }) => ({ startMs, endMs: startMs + STEP_MS, celsius: value }),
  );
}

function feederSeries(night: NightFile, feeder: NightFeeder, window: SignalWindow): SignalRecord[] {
  const feederId = feeder.id;
  const houseLoad = steps(night, `${feederId} house load`, feeder.houseLoadKw, 2, window).map((step) => ({
    ...record(night, 'house_load', 'kW', step),
    feederId,
  }));
  const { importLimitKw: limitKw } = feeder;
  const limits = (limitKw === undefined ? [] : spanSteps(window, limitKw)).map((step) => ({
    ...record(night, 'import_limit', 'kW', step),
    feederId,
  }));
  const revisions = feeder.revisions.flatMap(({ announcedAt, start, end, importLimitKw }, index) =>
    spanSteps({ startMs: start, endMs: end }, importLimitKw).map((step) => ({
      ...record(night, 'import_limit', 'kW', step),
      feederId,
      generatedAt: iso(announcedAt),
      revision: index + 2,
    })),
  );
  return [...houseLoad, ...limits, ...revisions];
}

interface Step {
  readonly startMs: number;
  readonly value: number;
}

/** The days of the night and the one after: planning looks ahead, and off-peak windows are cut from noon to noon. */
export function nightSpan(night: NightFile): SignalWindow {
  const firstDayMs = Math.floor(night.start / DAY_MS) * DAY_MS;
  return { startMs: firstDayMs, endMs: Math.ceil(night.end / DAY_MS) * DAY_MS + DAY_MS };
}

function spanSteps({ startMs, endMs }: SignalWindow, value: number): Step[] {
  return Array.from({ length: (endMs - startMs) / STEP_MS }, (_, index) => ({
    startMs: startMs + index * STEP_MS,
    value,
  }));
}

/** A curve of hourly values, read off every quarter of an hour between its points. */
function steps(night: NightFile, name: string, curve: readonly number[], digits: number, window: SignalWindow): Step[] {
  let random = seededRandom(0);
  return spanSteps(window, 0).map(({ startMs }) => {
    if (startMs % DAY_MS === 0) random = seededRandom(derivedSeed(night.seed, `${name} ${startMs}`));
    const hour = (startMs % DAY_MS) / HOUR_MS;
    const from = curve[Math.floor(hour)] ?? 0;
    const to = curve[(Math.floor(hour) + 1) % curve.length] ?? from;
    const smooth = from + (to - from) * (hour % 1);
    const value = smooth * (1 + RIPPLE * (2 * random() - 1));
    return { startMs, value: Number(value.toFixed(digits)) };
  });
}

function record(night: NightFile, series: SignalSeries, unit: string, { startMs, value }: Step): SignalRecord {
  return {
    series,
    start: iso(startMs),
    end: iso(startMs + STEP_MS),
    value,
    unit,
    forecast: startMs >= night.start,
    generatedAt: iso(nightSpan(night).startMs),
    revision: 1,
    source: SOURCE,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
