import { MINUTE_MS } from '../domain/durations.ts';
import { agedPriority } from '../domain/ageing.ts';
import { parseGridHints, plannerLimits, plannerPriority } from '../domain/gridHints.ts';
import { isBoosting } from '../domain/ownerPolicy.ts';
import { acceptanceKw, hoursToCharge } from '../scheduler/energy/battery.ts';
import { chargeFromCelsiusOf } from '../scheduler/energy/carModels.ts';
import { ENERGY_PARAMETERS } from '../scheduler/energy/parameters.ts';
import type { PlanningProblemInput } from '../scheduler/problem.ts';
import { slotStartMs } from '../scheduler/time.ts';
import type { OpenJob } from '../store/jobProgress.ts';
import type { ParkingSession } from '../store/parkingSessions.ts';
import type { RolloutFamily } from '../store/rollouts.ts';
import type { Vehicle } from '../store/vehicles.ts';
import type { CellLookup } from './cellLookup.ts';
import type { CellState } from './cellState.ts';
import { coldMinutesPerShard } from './coldStart.ts';
import { jobToPlan, shardMinutesOf, type JobInput } from './jobToPlan.ts';
import { lateEurPerShard } from './latePrice.ts';
import { byPlanningClass, hardwareClassOf, planningClassOf } from './planningClass.ts';
import { stayToPlan, type CarInput, type StayToPlan } from './stayToPlan.ts';
import { heldAsleepUntilMs } from './wakes.ts';

/** At 100 % a pack takes nothing, so acceptance is taken just below. */
const FULLEST_SOC_PERCENT = 99;

export function planningClasses(state: CellState): NonNullable<PlanningProblemInput['hardwareClasses']> {
  const known = new Map(state.hardwareClasses.map((hardwareClass) => [hardwareClass.id, hardwareClass]));
  return planningClassIds(state).flatMap((id) => {
    const spec = known.get(hardwareClassOf(id));
    if (!spec) return [];
    const { chipKw, awakeKw, cooling } = spec;
    return [{ id, chipKw, awakeKw, ...(cooling === 'included' && { coolingIncluded: true }) }];
  });
}

/** The hardware classes, and those of their cars that take part in roll-outs. */
function planningClassIds({ hardwareClasses, vehicles, rolloutFamilies }: CellState): string[] {
  const ids = new Set<string>(hardwareClasses.map(({ id }) => id));
  for (const { id, hardwareClass } of vehicles) {
    const families = rolloutFamilies.get(id);
    if (families) ids.add(planningClassOf(hardwareClass, namesOf(families)));
  }
  return [...ids];
}

function namesOf(families: readonly RolloutFamily[] = []): string[] {
  return families.map(({ family }) => family);
}

/** The car or site node of an open stay, or undefined when telemetry says that it is not at the plug. */
export function planningCar(cell: CellLookup, session: ParkingSession, missingEurPerKwh: number): CarInput | undefined {
  const { state } = cell;
  const vehicle = cell.vehicles.get(session.vehicleId);
  const live = cell.vehicleStates.get(session.vehicleId);
  if (!vehicle || !live?.pluggedIn) return undefined;
  if (vehicle.kind === 'site_node') return planningSiteNode(cell, vehicle);
  const { policy, charger } = vehicle;
  const { targetSocPercent } = session;

  // A SoC that was never reported counts as empty: that errs towards too much charge, never too little.
  const socPercent = live.socPercent ?? session.arrivalSocPercent ?? 0;
  const chargeFromCelsius = charger.chargeFromCelsius ?? chargeFromCelsiusOf(vehicle.carModel);
  const coldestCelsius = Math.min(
    cell.coldestCelsius.get(vehicle.regionId) ?? Infinity,
    ENERGY_PARAMETERS.coldStartC.value,
  );
  // Below its limit the battery takes nothing: the slots that count are not colder than that.
  const coldestChargeCelsius = Math.max(coldestCelsius, chargeFromCelsius ?? coldestCelsius);
  const { chargerMaxKw, kwhTo } = chargePlanOf(vehicle, socPercent, targetSocPercent, coldestChargeCelsius);
  const car: StayToPlan['car'] = {
    id: vehicle.id,
    feederId: vehicle.feederId,
    hardwareClass: planningClassOf(vehicle.hardwareClass, namesOf(state.rolloutFamilies.get(vehicle.id))),
    missingEurPerKwh: policy.missingEurPerKwh ?? missingEurPerKwh,
    chargerMaxKw,
    chargerMinKw: charger.minKw,
    chargerEfficiency: charger.efficiency,
    ...(chargeFromCelsius === undefined ? {} : { chargeFromCelsius }),
    needKwh: kwhTo(targetSocPercent),
    // What is charged at once at any price.
    minimumNeedKwh: kwhTo(
      isBoosting(policy, state.axis.startMs) ? targetSocPercent : Math.min(policy.minimumSocPercent, targetSocPercent),
    ),
    computeFloorNeedKwh: kwhTo(policy.computeSocFloorPercent),
    // We pay by what such a car says, so it gets no work; its owner's charge does not suffer.
    computeOptIn: policy.computeOptIn && !state.distrusted.has(vehicle.id),
    ...computeAllowed(cell, vehicle, live.online),
    asleep: !live.online,
    wakeCostEur: ENERGY_PARAMETERS.wakeCostEur.value,
    ...switchedSoFar(cell, session),
    computingNow: (cell.previousCars.get(vehicle.id)?.computeKw[0] ?? 0) > 0,
  };
  return stayToPlan(state.axis, {
    car,
    pluggedInMs: session.pluggedInAtMs,
    readyByMs: session.readyByMs,
    timeZone: policy.timeZone,
    habit: state.habits.cars.get(vehicle.id),
    siteHabit: state.habits.feeders.get(vehicle.feederId),
  });
}

/** A site node is always awake and has nothing to charge. */
function planningSiteNode(cell: CellLookup, vehicle: Vehicle): CarInput {
  const { state } = cell;
  const previous = cell.previousCars.get(vehicle.id);
  return {
    id: vehicle.id,
    feederId: vehicle.feederId,
    hardwareClass: planningClassOf(vehicle.hardwareClass, namesOf(state.rolloutFamilies.get(vehicle.id))),
    pluggedFromSlot: 0,
    untilSlot: state.axis.count,
    readyBySlot: state.axis.count,
    chargerMaxKw: 0,
    chargerEfficiency: 1,
    needKwh: 0,
    computeOptIn: vehicle.policy.computeOptIn && !state.distrusted.has(vehicle.id),
    ...computeAllowed(cell, vehicle, true),
    computingNow: (previous?.computeKw[0] ?? 0) > 0,
  };
}

/**
 * Power and energy by which slots can be used in any order: the power is what the pack still takes at its target in the
 * coldest slot. Where that is below the least current, the car is offered the least current and draws less and less of
 * it, so that its energy is counted as the time which that takes.
 */
function chargePlanOf(
  { charger, batteryKwh }: Vehicle,
  socPercent: number,
  targetSocPercent: number,
  coldestCelsius: number,
): { readonly chargerMaxKw: number; readonly kwhTo: (percent: number) => number } {
  const pack = { capacityKwh: batteryKwh, ...charger };
  const acceptedKw = acceptanceKw(pack, Math.min(FULLEST_SOC_PERCENT, targetSocPercent), coldestCelsius);
  if (acceptedKw >= charger.minKw) {
    return {
      chargerMaxKw: acceptedKw,
      kwhTo: (percent) => (Math.max(0, percent - socPercent) / 100) * batteryKwh,
    };
  }
  return {
    chargerMaxKw: charger.minKw,
    kwhTo: (percent) =>
      hoursToCharge(pack, socPercent, percent, charger.minKw, coldestCelsius) * charger.minKw * charger.efficiency,
  };
}

function switchedSoFar({ state, chargeCycles }: CellLookup, { vehicleId, stay }: ParkingSession) {
  const cycle = chargeCycles.get(vehicleId);
  if (cycle?.stay !== stay) return {};
  const slots = Math.floor((state.axis.startMs - cycle.changedAtMs) / (state.axis.slotMinutes * MINUTE_MS));
  return {
    chargingNow: cycle.charging,
    chargeStartsSoFar: cycle.starts,
    slotsInChargeState: Math.max(0, slots),
  };
}

/**
 * Slots in which the owner's hours, opt-out and price limit let the car compute, and in which it is not left to sleep
 * since it did not wake up; left out where those are all. An unknown price is above any limit.
 */
function computeAllowed(
  cell: CellLookup,
  { id, regionId, policy }: Vehicle,
  online: boolean,
): Pick<CarInput, 'computeAllowed'> {
  const { axis } = cell.state;
  const asleepUntilMs = (online ? undefined : heldAsleepUntilMs(cell.wakes.get(id), axis.startMs)) ?? -Infinity;
  const { maxComputeEurPerKwh = Infinity, optOutUntilMs = -Infinity } = policy;
  const fromMs = Math.max(asleepUntilMs, optOutUntilMs);
  const withinHours = cell.computeHours(policy);
  const prices = cell.prices.get(regionId);
  const allowed = withinHours.map(
    (isWithin, slot) =>
      isWithin &&
      slotStartMs(axis, slot) >= fromMs &&
      (maxComputeEurPerKwh === Infinity || (prices?.[slot] ?? Infinity) <= maxComputeEurPerKwh),
  );
  // Most cars may compute in all slots, and a large cell has many.
  return allowed.every(Boolean) ? {} : { computeAllowed: allowed };
}

/** An open job, or undefined when no class's speed is known for its model or nothing of it is left. */
export function planningJob(state: CellState, job: OpenJob): JobInput | undefined {
  const { startMs } = state.axis;
  const hints = parseGridHints(job.metadata);
  const known = state.regions.map((region) => region.id);
  const coldMinutes = coldMinutesPerShard(state, job);
  const waitedMs = startMs - job.submittedAtMs;
  const leftMs = job.deadlineMs - startMs;
  const priority = agedPriority({ priority: hints.priority, waitedMs, leftMs });
  const classes = byPlanningClass(
    shardMinutesOf(state.classSpeeds, job.model, job),
    job.model.family,
    planningClassIds(state),
  ).map(({ hardwareClass, shardMinutes }) => ({
    hardwareClass,
    shardMinutes: shardMinutes + coldMinutes(hardwareClass),
  }));
  const lateEur = lateEurPerShard(state, job, state.jobPricing.get(job.jobId), { priority, classes });
  return jobToPlan(state.axis, {
    id: job.jobId,
    modelFamily: job.model.family,
    shardsRemaining: job.shardsHere,
    classes,
    regionIds: hints.regionIds?.filter((id) => known.includes(id)) ?? known,
    limits: {
      ...plannerLimits(hints),
      priority: plannerPriority(priority),
    },
    ...(lateEur !== undefined && { lateEurPerShard: lateEur }),
    deadlineMs: job.deadlineMs,
  });
}
