import type { BindingLimit, Unmet } from '../plan.ts';
import type { PlanningCar, PlanningJob } from '../problem.ts';
import { celsiusAt, chargeAt, type Placed } from './placed.ts';

const ROUNDING_KWH = 1e-6;
const ROUNDING_SHARDS = 1e-6;

/** What the plan cannot meet, by how much, and which limits bind. */
export function unmetOf(placed: Placed, expectedShards: readonly number[]): Unmet[] {
  const { problem } = placed;
  return [
    ...problem.cars.flatMap((car, index) => unmetCar(placed, car, index)),
    ...problem.jobs.flatMap((job, index) => unmetJob(placed, job, expectedShards[index] ?? 0)),
  ];
}

function unmetCar(placed: Placed, car: PlanningCar, index: number): Unmet[] {
  const { compiled } = placed;
  const first = compiled.cars.from[index] ?? 0;
  const readyBy = compiled.cars.chargeUntil[index] ?? 0;
  const kwhPerKwSlot = compiled.slotHours * car.chargerEfficiency;
  let byReadyByKwh = 0;
  let byDepartureKwh = 0;
  for (let t = first; t < car.untilSlot; t++) {
    const kwh = chargeAt(placed, index, t) * kwhPerKwSlot;
    if (t < readyBy) byReadyByKwh += kwh;
    byDepartureKwh += kwh;
  }
  const missing = car.needKwh - byReadyByKwh;
  const unmet: Unmet[] = [];
  if (missing > ROUNDING_KWH) {
    const bindingLimits = limitsOfCar(placed, car, index, first, readyBy);
    unmet.push({
      kind: 'ready_by',
      id: car.id,
      missing,
      unit: 'kWh',
      bindingLimits,
      text: `${car.id} misses its target by ${missing.toFixed(2)} of ${car.needKwh.toFixed(2)} kWh: ${inWords(bindingLimits)}`,
    });
  }
  const below = car.minimumNeedKwh - byDepartureKwh;
  if (below > ROUNDING_KWH) {
    const bindingLimits = limitsOfCar(placed, car, index, first, car.untilSlot);
    unmet.push({
      kind: 'minimum_soc',
      id: car.id,
      missing: below,
      unit: 'kWh',
      bindingLimits,
      text: `${car.id} stays ${below.toFixed(2)} kWh below the owner’s minimum: ${inWords(bindingLimits)}`,
    });
  }
  return unmet;
}

function limitsOfCar(placed: Placed, car: PlanningCar, index: number, from: number, until: number): BindingLimit[] {
  const { compiled, headroom } = placed;
  const atCharger: number[] = [];
  const byOthers: number[] = [];
  const tooCold: number[] = [];
  for (let t = from; t < until; t++) {
    const kw = chargeAt(placed, index, t);
    const maxKw = compiled.cars.chargeCapKw(index, t);
    if (maxKw === 0) tooCold.push(t);
    else if (kw >= maxKw - 1e-6) atCharger.push(t);
    else if (headroom.availableKw(compiled.cars.feeder[index] ?? 0, t) < Math.max(car.chargerMinKw, maxKw - kw)) {
      byOthers.push(t);
    }
  }
  const limits: BindingLimit[] = [];
  if (tooCold.length > 0) limits.push(coldLimit(placed, car, index, tooCold));
  if (byOthers.length > 0) limits.push(sharedLimit(placed, compiled.cars.feeder[index] ?? 0, byOthers));
  if (atCharger.length > 0) {
    limits.push({
      kind: 'charger_max',
      id: car.id,
      slots: atCharger,
      text: `its charger gives at most ${car.chargerMaxKw} kW`,
    });
  }
  if (from < until || limits.length === 0) {
    const hours = (until - from) * compiled.slotHours;
    limits.push({
      kind: 'plug_window',
      id: car.id,
      slots: [],
      text: `it is plugged in for ${hours.toFixed(2)} h before its time`,
    });
  }
  return limits;
}

function coldLimit(placed: Placed, car: PlanningCar, index: number, slots: readonly number[]): BindingLimit {
  const coldest = Math.min(...slots.map((t) => celsiusAt(placed, index, t)));
  const text =
    `it is too cold to be charged in ${slots.length} slots ` +
    `(${coldest.toFixed(1)} °C at the coldest, its limit is ${car.chargeFromCelsius ?? coldest} °C)`;
  return { kind: 'battery_cold', id: car.id, slots: [...slots], text };
}

/** The tighter of feeder and substation in the given slots. */
function sharedLimit({ problem, compiled }: Placed, feeder: number, slots: readonly number[]): BindingLimit {
  const station = compiled.substationOfFeeder[feeder] ?? -1;
  const name = problem.feeders[feeder]?.id ?? '';
  const least = Math.min(...slots.map((t) => compiled.feederCapKw[feeder * compiled.slots + t] ?? 0));
  const behind = station >= 0 ? `, behind substation ${problem.substations[station]?.id ?? ''}` : '';
  return {
    kind: 'feeder_import',
    id: name,
    slots: [...slots],
    text: `feeder ${name}${behind} has no more room in ${slots.length} slots (cars may draw ${least.toFixed(1)} kW at the tightest)`,
  };
}

function unmetJob(placed: Placed, job: PlanningJob, expectedShards: number): Unmet[] {
  const missing = job.shardsRemaining - expectedShards;
  if (missing <= ROUNDING_SHARDS) return [];
  const bindingLimits = limitsOfJob(placed, job);
  return [
    {
      kind: 'job_deadline',
      id: job.id,
      missing,
      unit: 'shards',
      bindingLimits,
      text: `${job.id} lacks ${missing.toFixed(1)} of ${job.shardsRemaining} shards at the end of its window: ${inWords(bindingLimits)}`,
    },
  ];
}

function limitsOfJob({ problem, compiled }: Placed, job: PlanningJob): BindingLimit[] {
  const limits: BindingLimit[] = [];
  const window = Array.from({ length: compiled.slots }, (_, t) => t).filter(
    (t) => t >= job.windowStartSlot && t < job.windowEndSlot,
  );
  const regions = problem.regions.filter((region) => job.regionIds.includes(region.id));
  const everywhere = (above: (region: (typeof regions)[number], slot: number) => boolean): number[] =>
    window.filter((t) => regions.every((region) => above(region, t)));
  const { priceCapEurPerKwh, carbonCapGPerKwh } = job;
  if (priceCapEurPerKwh !== undefined) {
    const slots = everywhere((region, t) => (region.priceEurPerKwh[t] ?? 0) > priceCapEurPerKwh);
    if (slots.length > 0) {
      const text = `the price is above its cap of ${priceCapEurPerKwh} EUR/kWh in ${slots.length} of ${window.length} slots`;
      limits.push({ kind: 'job_price_cap', id: job.id, slots, text });
    }
  }
  if (carbonCapGPerKwh !== undefined) {
    const slots = everywhere((region, t) => (region.carbonGPerKwh[t] ?? 0) > carbonCapGPerKwh);
    if (slots.length > 0) {
      const text = `carbon is above its cap of ${carbonCapGPerKwh} g/kWh in ${slots.length} of ${window.length} slots`;
      limits.push({ kind: 'job_carbon_cap', id: job.id, slots, text });
    }
  }
  const classes = job.classes.map((entry) => entry.hardwareClass);
  limits.push({
    kind: 'compute_capacity',
    id: job.id,
    slots: window,
    text: `cars of class ${classes.join(', ')} that may compute in its window of ${window.length} slots are used up`,
  });
  return limits;
}

function inWords(limits: readonly BindingLimit[]): string {
  return `${limits.map((limit) => limit.text).join('; ')}.`;
}
