import { agedPriority } from '../domain/ageing.ts';
import { parseGridHints, plannerLimits, plannerPriority } from '../domain/gridHints.ts';
import { localHour } from '../domain/localHour.ts';
import { isBoosting, ownerAllowsCompute } from '../domain/ownerPolicy.ts';
import { acceptanceKw, hoursToCharge } from '../scheduler/energy/battery.ts';
import { chargeFromCelsiusOf } from '../scheduler/energy/carModels.ts';
import { ENERGY_PARAMETERS } from '../scheduler/energy/parameters.ts';
import type { PlanningProblemInput } from '../scheduler/problem.ts';
import { placeOfArrival, survivalCurve } from '../scheduler/survival.ts';
import { seriesOnAxis, slotsWithin, slotStartMs } from '../scheduler/time.ts';
import type { OpenJob } from '../store/jobProgress.ts';
import type { ParkingSession } from '../store/parkingSessions.ts';
import type { Vehicle } from '../store/vehicles.ts';
import type { CellState } from './cellState.ts';
import { spansOf } from './gridProblem.ts';
import { heldAsleepUntilMs } from './wakes.ts';

type CarInput = PlanningProblemInput['cars'][number];
type JobInput = NonNullable<PlanningProblemInput['jobs']>[number];

/** Slots that a car is planned for after its ready-by has passed and it is still there: the next plan sees further. */
const OVERDUE_SLOTS = 4;
/** Share of an open gate in which a car computes: the rest goes to fetching work and to slots that end in mid-shard. */
const UTILIZATION = 0.85;
/** Jobs are planned to be done this long before their deadline, so that a car that leaves early does not cost it. */
const DEADLINE_MARGIN_MS = 45 * 60_000;
/** At 100 % a pack takes nothing, so acceptance is taken just below. */
const FULLEST_SOC_PERCENT = 99;

export function planningClasses({ hardwareClasses }: CellState): PlanningProblemInput['hardwareClasses'] {
  return hardwareClasses.map(({ id, chipKw, awakeKw, cooling }) => ({
    id,
    chipKw,
    awakeKw,
    ...(cooling === 'included' && { coolingIncluded: true }),
  }));
}

/** The car or site node of an open stay, or undefined when telemetry says that it is not at the plug. */
export function planningCar(state: CellState, session: ParkingSession): CarInput | undefined {
  const vehicle = state.vehicles.find((candidate) => candidate.id === session.vehicleId);
  const live = state.vehicleStates.find((candidate) => candidate.vehicleId === session.vehicleId);
  if (!vehicle || !live?.pluggedIn) return undefined;
  if (vehicle.kind === 'site_node') return planningSiteNode(state, vehicle);
  const { policy, charger } = vehicle;
  const { targetSocPercent } = session;

  const readyBySlot = slotsWithin(state.axis, state.axis.startMs, session.readyByMs).until;
  const untilSlot = readyBySlot > 0 ? readyBySlot : OVERDUE_SLOTS;
  // A SoC that was never reported counts as empty: that errs towards too much charge, never too little.
  const socPercent = live.socPercent ?? session.arrivalSocPercent ?? 0;
  const chargeFromCelsius = charger.chargeFromCelsius ?? chargeFromCelsiusOf(vehicle.carModel);
  const coldestCelsius = Math.min(
    ...spansOf(state, 'temperature', vehicle.regionId, null).map((span) => span.value),
    ENERGY_PARAMETERS.coldStartC.value,
  );
  // Below its limit the battery takes nothing: the slots that count are not colder than that.
  const coldestChargeCelsius = Math.max(coldestCelsius, chargeFromCelsius ?? coldestCelsius);
  const { chargerMaxKw, kwhTo } = chargePlanOf(vehicle, socPercent, targetSocPercent, coldestChargeCelsius);
  const previous = state.previous?.cars.find((car) => car.carId === vehicle.id);
  return {
    id: vehicle.id,
    feederId: vehicle.feederId,
    hardwareClass: vehicle.hardwareClass,
    pluggedFromSlot: 0,
    untilSlot,
    readyBySlot: untilSlot,
    survival: survivalOf(state, vehicle, session, untilSlot),
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
    computeAllowed: computeAllowed(state, vehicle, live.online),
    asleep: !live.online,
    wakeCostEur: ENERGY_PARAMETERS.wakeCostEur.value,
    ...switchedSoFar(state, session),
    computingNow: (previous?.computeKw[0] ?? 0) > 0,
  };
}

/** A site node is always awake and has nothing to charge. */
function planningSiteNode(state: CellState, vehicle: Vehicle): CarInput {
  const previous = state.previous?.cars.find(({ carId }) => carId === vehicle.id);
  return {
    id: vehicle.id,
    feederId: vehicle.feederId,
    hardwareClass: vehicle.hardwareClass,
    pluggedFromSlot: 0,
    untilSlot: state.axis.count,
    readyBySlot: state.axis.count,
    chargerMaxKw: 0,
    chargerEfficiency: 1,
    needKwh: 0,
    computeOptIn: vehicle.policy.computeOptIn && !state.distrusted.has(vehicle.id),
    computeAllowed: computeAllowed(state, vehicle, true),
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

function switchedSoFar(state: CellState, { vehicleId, stay }: ParkingSession) {
  const cycle = state.chargeCycles.find((each) => each.vehicleId === vehicleId && each.stay === stay);
  if (!cycle) return {};
  const slots = Math.floor((state.axis.startMs - cycle.changedAtMs) / (state.axis.slotMinutes * 60_000));
  return {
    chargingNow: cycle.charging,
    chargeStartsSoFar: cycle.starts,
    slotsInChargeState: Math.max(0, slots),
  };
}

/** From the car's own stays, and the prior of the kind of place that its arrival speaks for. */
function survivalOf(state: CellState, { id, policy }: Vehicle, session: ParkingSession, count: number): number[] {
  const localHourOf = (atMs: number) => localHour(policy.timeZone, atMs);
  const { pluggedInAtMs: pluggedInMs } = session;
  return survivalCurve({
    habit: state.habits.get(id) ?? {},
    place: placeOfArrival(localHourOf(pluggedInMs)),
    pluggedInMs,
    fromMs: state.axis.startMs,
    stepMs: state.axis.slotMinutes * 60_000,
    count,
    localHourOf,
  });
}

/**
 * Slots in which the owner's hours, opt-out and price limit let the car compute, and in which it is not left to sleep
 * since it did not wake up. An unknown price is above any limit.
 */
function computeAllowed(state: CellState, { id, regionId, policy }: Vehicle, online: boolean): boolean[] {
  const wake = online ? undefined : state.wakes.find(({ vehicleId }) => vehicleId === id);
  const asleepUntilMs = heldAsleepUntilMs(wake, state.axis.startMs) ?? -Infinity;
  const prices = seriesOnAxis(state.axis, spansOf(state, 'price', regionId, null));
  const { maxComputeEurPerKwh = Infinity } = policy;
  return Array.from(
    { length: state.axis.count },
    (_, slot) =>
      // An opt-in that is withdrawn is its own reason, not one of hours.
      slotStartMs(state.axis, slot) >= asleepUntilMs &&
      ownerAllowsCompute({ ...policy, computeOptIn: true }, slotStartMs(state.axis, slot)) &&
      (maxComputeEurPerKwh === Infinity || (prices[slot] ?? Infinity) <= maxComputeEurPerKwh),
  );
}

/** An open job, or undefined when no class's speed is known for its model or nothing of it is left. */
export function planningJob(state: CellState, job: OpenJob): JobInput | undefined {
  const shardsRemaining = job.pending + job.inFlight;
  const classes = state.hardwareClasses.flatMap(({ id: hardwareClass }) => {
    const speed = state.classSpeeds.find(
      (candidate) =>
        candidate.hardwareClass === hardwareClass &&
        candidate.modelName === job.model.name &&
        candidate.modelVersion === job.model.version,
    );
    return speed
      ? [
          {
            hardwareClass,
            shardMinutes: (speed.deviceMsPerUnit * job.unitsPerLine * job.linesPerShard) / 60_000 / UTILIZATION,
          },
        ]
      : [];
  });
  const { startMs } = state.axis;
  const early = slotsWithin(state.axis, startMs, job.deadlineMs - DEADLINE_MARGIN_MS);
  const window = early.until > 0 ? early : slotsWithin(state.axis, startMs, job.deadlineMs);
  const hints = parseGridHints(job.metadata);
  const known = state.regions.map((region) => region.id);
  const regionIds = hints.regionIds?.filter((id) => known.includes(id)) ?? known;
  if (shardsRemaining === 0 || classes.length === 0 || regionIds.length === 0) return undefined;
  return {
    id: job.jobId,
    modelFamily: job.model.family,
    shardsRemaining,
    classes,
    regionIds,
    ...plannerLimits(hints),
    priority: plannerPriority(
      agedPriority({
        priority: hints.priority,
        waitedMs: startMs - job.submittedAtMs,
        leftMs: job.deadlineMs - startMs,
      }),
    ),
    windowStartSlot: window.from,
    windowEndSlot: window.until,
  };
}
