import { parseGridHints, plannerLimits } from '../../domain/gridHints.ts';
import { HARDWARE_CLASS_NAMES, HARDWARE_CLASSES } from '../../domain/hardwareClasses.ts';
import { acceptanceKw } from '../../scheduler/energy/battery.ts';
import { ENERGY_PARAMETERS } from '../../scheduler/energy/parameters.ts';
import type { PlanningProblemInput } from '../../scheduler/problem.ts';
import { slotsWithin } from '../../scheduler/time.ts';
import type { OpenJob } from '../../store/jobProgress.ts';
import type { ParkingSession } from '../../store/parkingSessions.ts';
import type { CellState } from './cellState.ts';
import { spansOf } from './gridProblem.ts';

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

export const planningClasses: PlanningProblemInput['hardwareClasses'] = Object.entries(HARDWARE_CLASSES).map(
  ([id, { chipKw }]) => ({ id, chipKw, awakeKw: ENERGY_PARAMETERS.awakeKw.value }),
);

/** The car of an open stay, or undefined when telemetry says that it is not at the plug. */
export function planningCar(state: CellState, session: ParkingSession): CarInput | undefined {
  const vehicle = state.vehicles.find((candidate) => candidate.id === session.vehicleId);
  const live = state.vehicleStates.find((candidate) => candidate.vehicleId === session.vehicleId);
  if (!vehicle || !live?.pluggedIn) return undefined;
  const { policy, charger, batteryKwh } = vehicle;
  const { targetSocPercent } = session;

  const readyBySlot = slotsWithin(state.axis, state.axis.startMs, session.readyByMs).until;
  const untilSlot = readyBySlot > 0 ? readyBySlot : OVERDUE_SLOTS;
  // A SoC that was never reported counts as empty: that errs towards too much charge, never too little.
  const socPercent = live.socPercent ?? session.arrivalSocPercent ?? 0;
  const kwhTo = (percent: number): number => (Math.max(0, percent - socPercent) / 100) * batteryKwh;
  const coldestCelsius = Math.min(
    ...spansOf(state, 'temperature', vehicle.regionId, null).map((span) => span.value),
    ENERGY_PARAMETERS.coldStartC.value,
  );
  // What the pack still takes at its target in the coldest slot, so that the slots can be used in any order.
  const chargerMaxKw = acceptanceKw(
    { capacityKwh: batteryKwh, ...charger },
    Math.min(FULLEST_SOC_PERCENT, targetSocPercent),
    coldestCelsius,
  );
  const previous = state.previous?.cars.find((car) => car.carId === vehicle.id);
  return {
    id: vehicle.id,
    feederId: vehicle.feederId,
    hardwareClass: vehicle.hardwareClass,
    pluggedFromSlot: 0,
    untilSlot,
    readyBySlot: untilSlot,
    chargerMaxKw,
    chargerMinKw: Math.min(charger.minKw, chargerMaxKw),
    chargerEfficiency: charger.efficiency,
    needKwh: kwhTo(targetSocPercent),
    minimumNeedKwh: kwhTo(Math.min(policy.minimumSocPercent, targetSocPercent)),
    computeFloorNeedKwh: kwhTo(policy.computeSocFloorPercent),
    computeOptIn: policy.computeOptIn,
    asleep: !live.online,
    chargingNow: (previous?.chargeKw[0] ?? 0) > 0,
    computingNow: (previous?.computeKw[0] ?? 0) > 0,
  };
}

/** An open job, or undefined when no class's speed is known for its model or nothing of it is left. */
export function planningJob(state: CellState, job: OpenJob): JobInput | undefined {
  const shardsRemaining = job.pending + job.inFlight;
  const classes = HARDWARE_CLASS_NAMES.flatMap((hardwareClass) => {
    const speed = state.classSpeeds.find(
      (candidate) =>
        candidate.hardwareClass === hardwareClass &&
        candidate.modelName === job.model.name &&
        candidate.modelVersion === job.model.version,
    );
    return speed
      ? [{ hardwareClass, shardMinutes: (speed.deviceMsPerLine * job.linesPerShard) / 60_000 / UTILIZATION }]
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
    priority: agedPriority(plannerLimits(hints).priority, state.axis.startMs - job.submittedAtMs),
    windowStartSlot: window.from,
    windowEndSlot: window.until,
  };
}

const DEFAULT_PRIORITY = 5;
const HIGHEST_PRIORITY = 9;
const HOUR_MS = 3_600_000;
const HOURS_PER_STEP = 6;

/** A job that waits rises a step every six hours, so that a stream of others never keeps it waiting for ever. */
function agedPriority(priority: number | undefined, waitedMs: number): number {
  const steps = Math.floor(Math.max(0, waitedMs) / (HOURS_PER_STEP * HOUR_MS));
  return Math.min(HIGHEST_PRIORITY, (priority ?? DEFAULT_PRIORITY) + steps);
}
