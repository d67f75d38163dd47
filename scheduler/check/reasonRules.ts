import { ENERGY_PARAMETERS } from '../energy/parameters.ts';
import type { CarPlan, JobPlan, Plan } from '../plan.ts';
import type { PlanningCar, PlanningJob } from '../problem.ts';
import type { PlanReason } from '../reasons.ts';
import { chargeUntil } from './bound.ts';
import { finding } from './carRules.ts';
import { differs, type Finding } from './findings.ts';
import type { Loads } from './loads.ts';
import { need, type Reading } from './reading.ts';

/** The figures that a reason must state; one that is left out must be left out there too. */
type Figures = Pick<PlanReason, 'value' | 'limit' | 'slot'>;

/** Figures and slots of all reasons. Words are for people and are not read; nor is which of several true reasons was named. */
export function checkReasons(
  reading: Reading,
  plan: Plan,
  loads: Loads,
  missing: ReadonlyMap<string, number>,
): Finding[] {
  const cars = new Map(reading.problem.cars.map((car) => [car.id, car]));
  const jobs = new Map(reading.problem.jobs.map((job) => [job.id, job]));
  return [
    ...plan.cars.flatMap((carPlan) => {
      const car = need(cars.get(carPlan.carId));
      const due = figuresOfCar(reading, loads, car, carPlan);
      const lacks = [missing.get(`ready_by ${car.id}`), missing.get(`minimum_soc ${car.id}`)];
      return carPlan.reasons.flatMap((given) => {
        if (given.code !== 'ready_by_at_risk') return compare(car.id, given, due[given.code] ?? {});
        const value = lacks.find((lack) => lack !== undefined && !differs(given.value ?? NaN, lack));
        return compare(car.id, given, { value: value ?? lacks[0] ?? 0, limit: 0 });
      });
    }),
    ...plan.jobs.flatMap((jobPlan) => {
      const job = need(jobs.get(jobPlan.jobId));
      const lacks = missing.get(`job_deadline ${job.id}`) ?? 0;
      const due = figuresOfJob(reading, job, jobPlan, lacks);
      return jobPlan.reasons.flatMap((given) => compare(job.id, given, due[given.code] ?? {}));
    }),
    ...checkCellReasons(reading, plan),
  ];
}

function compare(id: string, given: PlanReason, due: Figures): Finding[] {
  return (['value', 'limit', 'slot'] as const).flatMap((name) => {
    const [stated, found] = [given[name], due[name]];
    if (stated === undefined && found === undefined) return [];
    if (stated !== undefined && found !== undefined && !differs(stated, found)) return [];
    const says = `gives a wrong ${name} with ${given.code}`;
    return [finding('reasons', id, undefined, stated ?? Number.NaN, found ?? Number.NaN, says)];
  });
}

/** By code, what a reason about the car must state; codes that are not here state no figures. */
type FiguresByCode = Partial<Record<PlanReason['code'], Figures>>;

function figuresOfCar(reading: Reading, loads: Loads, car: PlanningCar, plan: CarPlan): FiguresByCode {
  const region = reading.regionOf(reading.feederOf(car));
  const costs = Array.from({ length: reading.slots }, (_, slot) => reading.cost(region, slot));
  const cost = need(costs[0]);
  const until = chargeUntil(car);
  const isUsable = (slot: number): boolean => reading.chargeKw(car, slot) > 0;
  const usable = costs.slice(0, until).filter((_, slot) => isUsable(slot)).length;
  const isOn = (slot: number): boolean => need(plan.chargeKw[slot]) > 0;
  const dearestOn = Math.max(...costs.slice(0, car.untilSlot).filter((_, slot) => isOn(slot)));
  const leastOff = Math.min(...costs.slice(0, until).filter((_, slot) => isUsable(slot) && !isOn(slot)));
  const starts = slotOrNone(plan.chargeKw.slice(0, car.untilSlot).findIndex((kw) => kw > 0));
  const opens = car.computeAllowed?.indexOf(true) ?? -1;
  const celsius = need(region.ambientCelsius[0]);
  const computeKw = reading.classPlugKw(region, car.hardwareClass, 0);
  const needed = { value: car.needKwh, limit: 0 };
  const dearer = { value: cost, limit: dearestOn, ...starts };
  const taken = { value: loads.roomKw(car, 0), limit: Math.max(car.chargerMinKw, 1e-6), ...starts };
  const wake = { value: car.wakeCostEur };
  return {
    not_plugged_in: { slot: car.pluggedFromSlot },
    target_reached: needed,
    charging_late: needed,
    charging_minimum_soc: { value: car.minimumNeedKwh, limit: 0 },
    charging_no_slack: { value: usable, limit: usable },
    charging_negative_price: { value: cost, limit: 0 },
    charging_cheapest_slot: { value: cost, limit: Number.isFinite(leastOff) ? leastOff : cost },
    charging_may_leave: { value: cost, limit: leastOff },
    kept_on: { value: cost, limit: leastOff },
    kept_off: dearer,
    waiting_for_cheaper_slot: dearer,
    waiting_feeder_limit: taken,
    waiting_too_cold: { value: celsius, limit: car.chargeFromCelsius ?? celsius, ...starts },
    waiting_below_minimum_current: taken,
    computing_granted: { value: need(plan.computeKw[0]) },
    compute_wake_up: wake,
    compute_asleep: wake,
    compute_derated_by_heat: { value: celsius, limit: ENERGY_PARAMETERS.derateStartC.value },
    compute_too_hot: { value: celsius, limit: ENERGY_PARAMETERS.computeStopC.value },
    compute_owner_hours: slotOrNone(opens > 0 ? opens : -1),
    compute_soc_floor: { value: car.computeFloorNeedKwh, limit: 0 },
    compute_plug_limit: { value: need(plan.chargeKw[0]) + computeKw, limit: car.plugLimitKw ?? Infinity },
    compute_feeder_limit: { value: loads.roomKw(car, 0), limit: computeKw },
    compute_cheaper_later: slotOrNone(plan.computeKw.findIndex((kw) => kw > 0)),
    compute_wake_cap: { value: 0, limit: reading.problem.rules.maxWakeUpsPerSlot },
  };
}

function figuresOfJob(reading: Reading, job: PlanningJob, plan: JobPlan, lacks: number): FiguresByCode {
  const bySlot = Array.from({ length: reading.slots }, (_, t) =>
    plan.expectedWork.reduce((sum, { shards }) => sum + need(shards[t]), 0),
  );
  const next = bySlot.findIndex((count) => count > 0);
  const later = slotOrNone(next > 0 ? next : -1);
  const regions = reading.problem.regions.filter((region) => job.regionIds.includes(region.id));
  const price = Math.min(...regions.map((region) => need(region.priceEurPerKwh[0])));
  const carbon = Math.min(...regions.map((region) => need(region.carbonGPerKwh[0])));
  const runs = { value: need(bySlot[0]) };
  return {
    job_running: runs,
    job_no_slack: runs,
    job_waiting_for_cheaper_slot: later,
    job_no_car: later,
    job_window_not_open: { slot: job.windowStartSlot },
    job_price_cap: { value: price, limit: job.priceCapEurPerKwh ?? Infinity, ...later },
    job_carbon_cap: { value: carbon, limit: job.carbonCapGPerKwh ?? Infinity, ...later },
    job_deadline_at_risk: { value: lacks, limit: 0 },
    job_finishes: slotOrNone(plan.finishSlot ?? -1),
  };
}

/** Fallbacks are handed on as the problem has them; limits that fail safe and emergencies follow from its limits. */
function checkCellReasons({ problem }: Reading, plan: Plan): Finding[] {
  const due = problem.regions.flatMap((region) => region.fallbacks.map(signature));
  for (const place of [...problem.feeders, ...problem.substations]) {
    const unknown = place.importLimitKw.filter((kw) => kw === null).length;
    const slot = place.importLimitKw.indexOf(null);
    const code = 'import_limit_fail_safe';
    if (slot >= 0) due.push(signature({ code, value: unknown, limit: place.failSafeImportKw, slot }));
  }
  for (const feeder of problem.feeders) {
    const limit = feeder.importLimitKw[0] ?? feeder.failSafeImportKw;
    const value = need(feeder.houseLoadKw[0]);
    if (limit < value) due.push(signature({ code: 'emergency_limit', value, limit }));
  }
  const given = plan.reasons.filter(({ code }) => code !== 'previous_plan_kept');
  return given.flatMap((entry) => {
    const at = due.indexOf(signature(entry));
    if (at >= 0) {
      due.splice(at, 1);
      return [];
    }
    return [
      finding(
        'reasons',
        'the cell',
        entry.slot,
        entry.value ?? Number.NaN,
        entry.limit ?? Number.NaN,
        `has no ${entry.code} with these figures`,
      ),
    ];
  });
}

function signature({ code, value, limit, slot }: Pick<PlanReason, 'code'> & Figures): string {
  return JSON.stringify([code, value, limit, slot]);
}

function slotOrNone(slot: number): Figures {
  return slot < 0 ? {} : { slot };
}
