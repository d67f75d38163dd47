import { HARDWARE_CLASSES } from '../domain/hardwareClasses.ts';
import { ENERGY_PARAMETERS } from '../scheduler/energy/parameters.ts';
import { planningProblemSchema, type PlanningProblem, type PlanningProblemInput } from '../scheduler/problem.ts';
import { slotAt, slotsWithin, type SlotAxis } from '../scheduler/time.ts';
import { CHARGER_EFFICIENCY, equipmentFor, FLEET_CLASSES, type Equipment } from './fleet.ts';
import type { SlotSignals } from './foresight.ts';
import type { NightJob } from './nights.ts';
import { SLOT_HOURS, SLOT_MS, type PromisedStay, type Scenario } from './scenario.ts';

const REGION = 'region';
/** Slots in which a car that is past its ready-by may still be charged; the next plan sees further. */
const OVERDUE_SLOTS = 4;
/** Sums of energies may pass a whole number of slots by rounding. */
const ROUNDING_SLOTS = 1e-6;
/** Slots since the last change of charging, for a car that has just been plugged in. */
export const LONG_AGO_SLOTS = 96;

export interface PlannedStay {
  readonly stay: PromisedStay;
  readonly equipment: Equipment;
  /** kWh at the plug that are still to be charged. */
  readonly missingKwh: number;
  /** First slot in which it is plugged in, on the axis. */
  readonly fromSlot: number;
  /** End of the slots in which it may be there; unknown departures: the end of the axis. */
  readonly untilSlot: number;
  readonly survival?: number[];
  readonly chargingNow: boolean;
  readonly computingNow: boolean;
  readonly chargeStartsSoFar: number;
  readonly slotsInChargeState: number;
}

/** The planning problem of some stays and batches on an axis, with ready-bys as they were promised. */
export function slotProblem(
  scenario: Scenario,
  axis: SlotAxis,
  signals: SlotSignals,
  stays: readonly PlannedStay[],
  jobs: readonly (NightJob & { readonly shardsRemaining: number })[],
): PlanningProblem {
  const every = (value: number): number[] => Array.from({ length: axis.count }, () => value);
  const sites = new Set(stays.map(({ stay }) => stay.siteId));
  return planningProblemSchema.parse({
    slots: axis,
    regions: [{ id: REGION, ...signals }],
    feeders: [...sites].map((id) => ({
      id,
      regionId: REGION,
      importLimitKw: every(scenario.siteLimitKw.get(id) ?? 0),
      houseLoadKw: every(0),
    })),
    hardwareClasses: FLEET_CLASSES.map(({ id }) => ({
      id,
      chipKw: HARDWARE_CLASSES[id].chipKw,
      awakeKw: ENERGY_PARAMETERS.awakeKw.value,
    })),
    cars: stays.map((planned) => carOf(axis, planned)),
    jobs: jobs.map((job) => ({
      id: job.id,
      // Part of a shard may be done: what is left of it is still one shard to hand out.
      shardsRemaining: Math.ceil(job.shardsRemaining),
      classes: FLEET_CLASSES.map(({ id, shardMinutes }) => ({ hardwareClass: id, shardMinutes })),
      regionIds: [REGION],
      windowStartSlot: slotsWithin(axis, job.releaseMs, job.deadlineMs).from,
      windowEndSlot: slotsWithin(axis, job.releaseMs, job.deadlineMs).until,
    })),
    weights: { carbonEurPerKg: scenario.options.carbonEurPerKg },
  } satisfies PlanningProblemInput);
}

function carOf(axis: SlotAxis, planned: PlannedStay): PlanningProblemInput['cars'][number] {
  const { stay, equipment, fromSlot, untilSlot, missingKwh, survival } = planned;
  const readyBySlot = promisedSlot(axis, planned);
  const isOverdue = stay.readyByMs <= axis.startMs || readyBySlot <= fromSlot;
  return {
    id: stay.id,
    feederId: stay.siteId,
    hardwareClass: equipment.hardwareClass,
    pluggedFromSlot: fromSlot,
    untilSlot,
    readyBySlot: Math.max(fromSlot, Math.min(untilSlot, isOverdue ? fromSlot + OVERDUE_SLOTS : readyBySlot)),
    ...(survival === undefined ? {} : { survival }),
    chargerMaxKw: equipment.charger.maxKw,
    chargerMinKw: equipment.charger.minKw,
    chargerEfficiency: CHARGER_EFFICIENCY,
    needKwh: missingKwh * CHARGER_EFFICIENCY,
    chargingNow: planned.chargingNow,
    computingNow: planned.computingNow,
    chargeStartsSoFar: planned.chargeStartsSoFar,
    slotsInChargeState: planned.slotsInChargeState,
  };
}

/** End of the whole slots before ready-by; with the slot in which it lies, when the car needs every minute. */
function promisedSlot(axis: SlotAxis, planned: PlannedStay): number {
  const whole = slotAt(axis, planned.stay.readyByMs);
  return whole - planned.fromSlot < neededSlots(planned) ? slotAt(axis, planned.stay.readyByMs - 1) + 1 : whole;
}

function neededSlots({ missingKwh, equipment }: PlannedStay): number {
  return Math.ceil(missingKwh / (SLOT_HOURS * equipment.charger.maxKw) - ROUNDING_SLOTS);
}

/** kWh at the plug that the charger alone could give from plug-in to ready-by or departure. */
export function reachableKwh(scenario: Scenario, stay: PromisedStay): number {
  const hours = (Math.min(stay.readyByMs, stay.pluggedOutMs) - stay.pluggedInMs) / 3_600_000;
  return hours * equipmentFor(scenario, stay).charger.maxKw;
}

/** The same in the whole slots between, which is all that a planner of slots can promise. */
export function reachableInSlotsKwh(scenario: Scenario, stay: PromisedStay): number {
  const endMs = Math.min(stay.readyByMs, stay.pluggedOutMs);
  const first = Math.ceil((stay.pluggedInMs - scenario.fromMs) / SLOT_MS);
  const end = Math.floor((endMs - scenario.fromMs) / SLOT_MS);
  return Math.max(0, end - first) * SLOT_HOURS * equipmentFor(scenario, stay).charger.maxKw;
}
