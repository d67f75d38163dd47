import { seededRandom } from '../../scheduler/random.ts';
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

const STEP_MS = 15 * 60_000;
const HOUR_MS = 4 * STEP_MS;
const DAY_MS = 24 * HOUR_MS;
const RIPPLE = 0.02;
/** Names the made-up source in every record, so that nobody takes it for a measurement. */
const SOURCE = 'nightshift-demo-made-up';

/** What the region's feeds say through the night, made up from the scenario's curves. */
export function nightSignals(night: NightFile, region: NightRegion): SignalRecord[] {
  return [
    ...regionSeries(night, region, 'price', 'EUR/kWh', region.priceEurPerKwh, 4),
    ...regionSeries(night, region, 'carbon', 'g/kWh', region.carbonGPerKwh, 0),
    ...regionSeries(night, region, 'temperature', 'Cel', region.temperatureC, 1),
    ...region.feeders.flatMap((feeder) => feederSeries(night, feeder)),
  ];
}

/** The region's temperature as its cars feel it: the same values that the feed tells. */
export function nightTemperatures(night: NightFile, region: NightRegion): TemperatureSpan[] {
  return regionSeries(night, region, 'temperature', 'Cel', region.temperatureC, 1).map(({ start, end, value }) => ({
    startMs: Date.parse(start),
    endMs: Date.parse(end),
    celsius: value,
  }));
}

function regionSeries(
  night: NightFile,
  region: NightRegion,
  series: SignalSeries,
  unit: string,
  curve: readonly number[],
  digits: number,
): SignalRecord[] {
  const kind = series === 'carbon' ? ({ kind: 'average' } as const) : {};
  return steps(night, `${region.id} ${series}`, curve, digits).map((step) => ({
    ...record(night, series, unit, step),
    ...kind,
  }));
}

function feederSeries(night: NightFile, feeder: NightFeeder): SignalRecord[] {
  const feederId = feeder.id;
  const houseLoad = steps(night, `${feederId} house load`, feeder.houseLoadKw, 2).map((step) => ({
    ...record(night, 'house_load', 'kW', step),
    feederId,
  }));
  const { importLimitKw: limitKw } = feeder;
  const limits = (limitKw === undefined ? [] : spanSteps(span(night), limitKw)).map((step) => ({
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

/** The day before and after too: planning looks ahead, and off-peak windows are cut from noon to noon. */
function span(night: NightFile): { startMs: number; endMs: number } {
  const firstDayMs = Math.floor(night.start / DAY_MS) * DAY_MS;
  return { startMs: firstDayMs, endMs: Math.ceil(night.end / DAY_MS) * DAY_MS + DAY_MS };
}

function spanSteps({ startMs, endMs }: { startMs: number; endMs: number }, value: number): Step[] {
  return Array.from({ length: (endMs - startMs) / STEP_MS }, (_, index) => ({
    startMs: startMs + index * STEP_MS,
    value,
  }));
}

/** A curve of hourly values, read off every quarter of an hour between its points. */
function steps(night: NightFile, name: string, curve: readonly number[], digits: number): Step[] {
  const random = seededRandom(derivedSeed(night.seed, name));
  return spanSteps(span(night), 0).map(({ startMs }) => {
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
    generatedAt: iso(span(night).startMs),
    revision: 1,
    source: SOURCE,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
