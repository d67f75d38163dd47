import type { BindingLimit, CarPlan, Plan, Unmet } from '../plan.ts';
import type { PlanningCar, PlanningJob } from '../problem.ts';
import { chargeUntil } from './bound.ts';
import { finding } from './carRules.ts';
import { differs, type Finding } from './findings.ts';
import type { Loads } from './loads.ts';
import { need, type Reading } from './reading.ts';

const TOLERANCE_KW = 1e-5;

/** The plan must own up to exactly what its setpoints leave unmet, and name limits only in slots in which they bind. */
export function checkUnmet(
  reading: Reading,
  plan: Plan,
  loads: Loads,
  missing: ReadonlyMap<string, number>,
): Finding[] {
  const findings: Finding[] = [];
  const stated = new Map<string, Unmet>();
  for (const unmet of plan.unmet) {
    const what = `${unmet.kind} ${unmet.id}`;
    if (stated.has(what)) findings.push(finding('unmet', what, undefined, unmet.missing, 0, 'is reported twice'));
    stated.set(what, unmet);
  }
  for (const what of new Set([...stated.keys(), ...missing.keys()])) {
    const [said, amount] = [stated.get(what)?.missing ?? 0, missing.get(what) ?? 0];
    if (differs(said, amount))
      findings.push(finding('unmet', what, undefined, said, amount, 'is not reported as it is'));
  }
  const cars = new Map(reading.problem.cars.map((car) => [car.id, car]));
  const carPlans = new Map(plan.cars.map((car) => [car.carId, car]));
  const jobs = new Map(reading.problem.jobs.map((job) => [job.id, job]));
  for (const { kind, id, bindingLimits } of plan.unmet) {
    const [car, job] = [cars.get(id), jobs.get(id)];
    const binding =
      kind === 'job_deadline'
        ? job && limitsOfJob(reading, job)
        : car && limitsOfCar(reading, loads, car, need(carPlans.get(id)), kind);
    for (const limit of bindingLimits) findings.push(...checkSlots(id, limit, reading.slots, binding?.[limit.kind]));
  }
  return findings;
}

/** Whether a limit binds in a slot; undefined where rounding leaves that open. */
type Binds = (slot: number) => boolean | undefined;
type Limits = Partial<Record<BindingLimit['kind'], Binds>>;

function checkSlots(id: string, { kind, slots }: BindingLimit, count: number, binds: Binds | undefined): Finding[] {
  const stated = new Set(slots);
  const wrong = [...stated].filter(
    (slot) => !Number.isInteger(slot) || slot >= count || slot < 0 || binds === undefined || binds(slot) === false,
  );
  for (let slot = 0; slot < count; slot++) if (binds?.(slot) === true && !stated.has(slot)) wrong.push(slot);
  if (stated.size !== slots.length) wrong.push(...slots.filter((slot, at) => slots.indexOf(slot) !== at));
  return wrong.map((slot) =>
    finding('unmet', id, slot, stated.has(slot) ? 1 : 0, stated.has(slot) ? 0 : 1, `has ${kind} in the wrong slots`),
  );
}

function limitsOfCar(reading: Reading, loads: Loads, car: PlanningCar, plan: CarPlan, kind: Unmet['kind']): Limits {
  const until = kind === 'ready_by' ? chargeUntil(car) : car.untilSlot;
  const inWindow = (slot: number): boolean => slot >= car.pluggedFromSlot && slot < until;
  const mostKw = (slot: number): number => reading.chargeKw(car, slot);
  const inTheCold: Binds = (slot) => inWindow(slot) && mostKw(slot) === 0;
  const atCharger: Binds = (slot) =>
    inWindow(slot) && mostKw(slot) > 0 && need(plan.chargeKw[slot]) >= mostKw(slot) - 1e-6;
  return {
    battery_cold: inTheCold,
    charger_max: atCharger,
    feeder_import: (slot) => {
      if (!inWindow(slot) || inTheCold(slot) || atCharger(slot)) return false;
      const wantedKw = Math.max(car.chargerMinKw, mostKw(slot) - need(plan.chargeKw[slot]));
      const lackKw = wantedKw - loads.roomKw(car, slot);
      return Math.abs(lackKw) < TOLERANCE_KW ? undefined : lackKw > 0;
    },
    // Where it binds at all, it does so through its length.
    plug_window: () => false,
  };
}

function limitsOfJob({ problem }: Reading, job: PlanningJob): Limits {
  const regions = problem.regions.filter((region) => job.regionIds.includes(region.id));
  const inWindow = (slot: number): boolean => slot >= job.windowStartSlot && slot < job.windowEndSlot;
  return {
    job_price_cap: (slot) =>
      inWindow(slot) &&
      regions.every((region) => need(region.priceEurPerKwh[slot]) > (job.priceCapEurPerKwh ?? Infinity)),
    job_carbon_cap: (slot) =>
      inWindow(slot) &&
      regions.every((region) => need(region.carbonGPerKwh[slot]) > (job.carbonCapGPerKwh ?? Infinity)),
    compute_capacity: inWindow,
  };
}
