import type { TimelineWire } from '../api/wire/timeline.ts';

export type Series = (number | null)[];

/** A timeline made for drawing: stacked areas, what was metered first and what is planned from then on. */
export interface LoadSeries {
  /** Starts of slots, grid time in seconds; one more than there are slots, so that the last one has a width. */
  readonly xs: number[];
  readonly house: Series;
  readonly charge: Series;
  readonly compute: Series;
  /** Tops of the stacked areas: house, house and charge, all. Past as metered, ahead as planned. */
  readonly pastHouse: Series;
  readonly pastCharge: Series;
  readonly pastAll: Series;
  readonly aheadHouse: Series;
  readonly aheadCharge: Series;
  readonly aheadAll: Series;
  /** What was planned where there is a meter to hold it against, houses included. */
  readonly plannedPast: Series;
  readonly limit: Series;
  readonly price: Series;
  readonly carbon: Series;
  readonly limitPrice: Series;
}

type Columns = Pick<
  TimelineWire,
  | 'price_eur_per_kwh'
  | 'carbon_g_per_kwh'
  | 'limit_kw'
  | 'house_kw'
  | 'planned_charge_kw'
  | 'planned_compute_kw'
  | 'metered_charge_kw'
  | 'metered_compute_kw'
  | 'limit_price_eur_per_kwh'
>;

/** Regions together: powers add up; of price and carbon the mean, since a cell has no single one. */
export function together(timelines: readonly TimelineWire[]): Columns & Pick<TimelineWire, 'start' | 'slot_minutes'> {
  const [first] = timelines;
  if (!first) throw new RangeError('together: no timeline');
  const sum = (column: keyof Columns): Series =>
    merged(timelines, column, (values) => values.reduce((a, b) => a + b, 0));
  const mean = (column: keyof Columns): Series =>
    merged(timelines, column, (values) => values.reduce((a, b) => a + b, 0) / values.length);
  const max = (column: keyof Columns): Series => merged(timelines, column, (values) => Math.max(...values));
  return {
    start: first.start,
    slot_minutes: first.slot_minutes,
    price_eur_per_kwh: mean('price_eur_per_kwh'),
    carbon_g_per_kwh: mean('carbon_g_per_kwh'),
    limit_kw: sum('limit_kw'),
    house_kw: sum('house_kw'),
    planned_charge_kw: sum('planned_charge_kw'),
    planned_compute_kw: sum('planned_compute_kw'),
    metered_charge_kw: sum('metered_charge_kw'),
    metered_compute_kw: sum('metered_compute_kw'),
    limit_price_eur_per_kwh: max('limit_price_eur_per_kwh'),
  };
}

function merged(
  timelines: readonly TimelineWire[],
  column: keyof Columns,
  merge: (values: readonly number[]) => number,
): Series {
  return (timelines[0]?.[column] ?? []).map((_, slot) => {
    const known = timelines.map((each) => each[column][slot] ?? null).filter((value) => value !== null);
    return known.length === 0 ? null : merge(known);
  });
}

export function loadSeries(timeline: Columns & Pick<TimelineWire, 'start' | 'slot_minutes'>): LoadSeries {
  const startSeconds = Date.parse(timeline.start) / 1000;
  const count = timeline.limit_kw.length;
  const xs = Array.from({ length: count + 1 }, (_, slot) => startSeconds + slot * timeline.slot_minutes * 60);
  const isPast = timeline.metered_charge_kw.map((value) => value !== null);
  const charge = timeline.metered_charge_kw.map((value, slot) => value ?? timeline.planned_charge_kw[slot] ?? null);
  const compute = timeline.metered_compute_kw.map((value, slot) => value ?? timeline.planned_compute_kw[slot] ?? null);
  const house = timeline.house_kw;
  const isKnown = charge.map((value, slot) => value !== null || (house[slot] ?? null) !== null);
  const where = (past: boolean, valueAt: (slot: number) => number): Series =>
    closed(charge.map((_, slot) => (isKnown[slot] && isPast[slot] === past ? valueAt(slot) : null)));
  const houseAt = (slot: number): number => at(house, slot);
  const chargeAt = (slot: number): number => houseAt(slot) + at(charge, slot);
  const allAt = (slot: number): number => chargeAt(slot) + at(compute, slot);
  return {
    xs,
    house: closed(house),
    charge: closed(charge),
    compute: closed(compute),
    pastHouse: where(true, houseAt),
    pastCharge: where(true, chargeAt),
    pastAll: where(true, allAt),
    aheadHouse: where(false, houseAt),
    aheadCharge: where(false, chargeAt),
    aheadAll: where(false, allAt),
    plannedPast: closed(
      timeline.planned_charge_kw.map((value, slot) =>
        value === null || !isPast[slot] ? null : houseAt(slot) + value + at(timeline.planned_compute_kw, slot),
      ),
    ),
    limit: closed(timeline.limit_kw),
    price: closed(timeline.price_eur_per_kwh.map((value) => (value === null ? null : value * 100))),
    carbon: closed(timeline.carbon_g_per_kwh),
    limitPrice: closed(timeline.limit_price_eur_per_kwh.map((value) => (value === null ? null : value * 100))),
  };
}

function at(series: Series, slot: number): number {
  return series[slot] ?? 0;
}

/** Repeats each value to the end of its slot: a step needs a point where it ends. */
function closed(series: Series): Series {
  const points = [...series, null];
  for (let slot = points.length - 1; slot > 0; slot--) {
    if (points[slot] === null && series[slot - 1] !== null) points[slot] = series[slot - 1] ?? null;
  }
  return points;
}
