import { HOUR_MS } from '../domain/durations.ts';
import { HARDWARE_CLASSES } from '../domain/hardwareClasses.ts';
import type { CarInput } from '../planning/stayToPlan.ts';
import { ENERGY_PARAMETERS } from '../scheduler/energy/parameters.ts';
import type { PlanningProblemInput } from '../scheduler/problem.ts';
import type { SlotAxis } from '../scheduler/time.ts';
import { CHARGER_EFFICIENCY, equipmentFor, FLEET_CLASSES } from './fleet.ts';
import type { SlotSignals } from './foresight.ts';
import { SLOT_HOURS, SLOT_MS, type PromisedStay, type Scenario } from './scenario.ts';

export const REGION = 'region';
export const SHARD_MINUTES = FLEET_CLASSES.map(({ id, shardMinutes }) => ({ hardwareClass: id, shardMinutes }));

/** The traces' grid and classes around some cars and jobs. */
export function traceProblem(
  scenario: Scenario,
  axis: SlotAxis,
  signals: SlotSignals,
  cars: readonly CarInput[],
  jobs: NonNullable<PlanningProblemInput['jobs']>,
): PlanningProblemInput {
  const every = (value: number): number[] => Array.from({ length: axis.count }, () => value);
  return {
    slots: axis,
    regions: [{ id: REGION, ...signals }],
    feeders: [...new Set(cars.map(({ feederId }) => feederId))].map((id) => ({
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
    cars: [...cars],
    jobs,
    weights: { carbonEurPerKg: scenario.options.carbonEurPerKg },
  };
}

/** @param missingKwh what is still to be charged, at the plug */
export function traceCar(scenario: Scenario, stay: PromisedStay, missingKwh: number) {
  const { charger, hardwareClass } = equipmentFor(scenario, stay);
  return {
    id: stay.id,
    feederId: stay.siteId,
    hardwareClass,
    chargerMaxKw: charger.maxKw,
    chargerMinKw: charger.minKw,
    chargerEfficiency: CHARGER_EFFICIENCY,
    needKwh: missingKwh * CHARGER_EFFICIENCY,
    missingEurPerKwh: scenario.options.missingEurPerKwh / CHARGER_EFFICIENCY,
  };
}

/** kWh at the plug that the charger alone could give from plug-in to ready-by or departure. */
export function reachableKwh(scenario: Scenario, stay: PromisedStay): number {
  const hours = (Math.min(stay.readyByMs, stay.pluggedOutMs) - stay.pluggedInMs) / HOUR_MS;
  return hours * equipmentFor(scenario, stay).charger.maxKw;
}

/** The same in the whole slots between, which is all that a planner of slots can promise. */
export function reachableInSlotsKwh(scenario: Scenario, stay: PromisedStay): number {
  const endMs = Math.min(stay.readyByMs, stay.pluggedOutMs);
  const first = Math.ceil((stay.pluggedInMs - scenario.fromMs) / SLOT_MS);
  const end = Math.floor((endMs - scenario.fromMs) / SLOT_MS);
  return Math.max(0, end - first) * SLOT_HOURS * equipmentFor(scenario, stay).charger.maxKw;
}
