import pLimit from 'p-limit';
import { MINUTE_MS } from '../../domain/durations.ts';
import type { PlanActivities } from '../../domain/activities/planActivities.ts';
import type { JournalLine } from '../../domain/journal.ts';
import { planIdOf, topics } from '../../domain/names.ts';
import type { SetpointProfile } from '../../domain/setpoints.ts';
import type { CarPlan, Plan } from '../../scheduler/plan.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { keepPlan } from '../../scheduler/replan.ts';
import { readCell } from '../../store/cells.ts';
import { saveChargeCycles } from '../../store/chargeCycles.ts';
import { appendJournal } from '../../store/journal.ts';
import { planBefore, planOfSlot, planReplacedBy, readPlan, savePlan } from '../../store/plans.ts';
import { saveFeederSlots } from '../../store/feederSlots.ts';
import { listOpenParkingSessions } from '../../store/parkingSessions.ts';
import { saveOffers } from '../../store/jobShares.ts';
import { listOpenModelOrders } from '../../store/modelOrders.ts';
import { readVehicle } from '../../store/vehicles.ts';
import { listWakes, saveWakes, type WakeAttempt } from '../../store/wakes.ts';
import type { PlanDispatch, SessionSetpoint } from '../../domain/workflows/coSchedule.ts';
import { updateClaims } from '../../store/vehicleClaims.ts';
import { claimsOfPlan } from '../../planning/carClaims.ts';
import { changedCycles } from '../../planning/chargeCycles.ts';
import { readCellState, type CellState } from '../../planning/cellState.ts';
import { withoutEndedLimits } from '../../planning/importLimits.ts';
import { partsOfCell, type CellWeights } from '../../planning/planningProblem.ts';
import { committedByFeeder } from '../../planning/feederForecast.ts';
import { jobOffers } from '../../planning/jobOffers.ts';
import { planPromises } from '../../planning/planPromises.ts';
import { wakesToFetch } from '../../planning/wakesToFetch.ts';
import { settleWakes, wakeWithinMs } from '../../planning/wakes.ts';
import {
  carsById,
  changedSetpoints,
  dispatchOf,
  PROFILE_SLOTS,
  profileIntervals,
} from '../../planning/planDispatch.ts';
import { messageOf } from '../../domain/thrown.ts';
import { orderPrefetches } from './orderPrefetches.ts';
import { publishModelOrders, type ModelOrderPorts } from './publishModelOrders.ts';

/** Few enough that a server with thousands of parked cars still answers others meanwhile. */
const SESSIONS_TOLD_AT_ONCE = 20;

/** Enough to keep the broker busy, and few enough that their messages do not pile up in memory. */
const PROFILES_ON_THEIR_WAY = 1_000;

export interface PlanPorts extends ModelOrderPorts {
  /** Tells a parking session, unless it has ended. */
  readonly tellSession: (setpoint: SessionSetpoint) => Promise<void>;
  readonly plan: (problem: PlanningProblem, previous: Plan | undefined) => Promise<Plan>;
  readonly weights: CellWeights;
  readonly gridNowMs: () => number;
}

export function createPlanActivities(ports: PlanPorts): PlanActivities {
  const { database, vehicles } = ports;
  return {
    /** Plans the cell from `slotStartMs` (grid time) on and stores the plan; gives what workflows need of it. */
    async planCell(request: { cellId: string; slotStartMs: number; cause: string }): Promise<PlanDispatch> {
      const { cellId, slotStartMs, cause } = request;
      const cell = await readCell(database, cellId);
      if (!cell) throw new Error(`cell ${cellId} is not configured`);
      const read = await readCellState(database, cell, slotStartMs);
      const nowMs = Math.round(ports.gridNowMs());
      const wakes = settleWakes(read.wakes, read.vehicleStates, nowMs, wakeWithinMs(cell.clock));
      const state = { ...read, wakes: wakes.attempts, signals: withoutEndedLimits(read.signals, nowMs) };
      const { problem, plan, fallback } = await planPromises(partsOfCell(state, ports.weights), (asked) =>
        planOrKeep(ports, asked, state.previous),
      );
      const createdAtMs = Math.round(ports.gridNowMs());
      const id = planIdOf(cellId, slotStartMs, createdAtMs);
      await savePlan(database, { id, cellId, slotStartMs, createdAtMs, problem, plan });
      await saveFeederSlots(database, committedByFeeder(problem, plan));
      await saveOffers(database, cellId, slotStartMs, jobOffers(state, problem, plan));
      await orderPrefetches(database, state, { problem, plan }, nowMs);
      const told = fallback === undefined ? [] : [fallbackLine(cellId, fallback, createdAtMs)];
      const claims = claimsOfPlan(state, problem, plan, createdAtMs);
      await saveWakes(database, wakes.changed);
      await saveChargeCycles(database, changedCycles(plan, state.openSessions, state.chargeCycles));
      const held = [...(await updateClaims(database, claims.policy)), ...(await updateClaims(database, claims.plan))];
      await appendJournal(database, cellId, [
        ...told,
        ...held,
        ...wakeFailureLines(state, wakes.failed, createdAtMs),
        ...unmetLines(plan, createdAtMs, cause),
      ]);
      const dispatch = dispatchOf(id, problem, plan, state.regions);
      const planned = new Set(dispatch.vehiclesToWake.map(({ vehicleId }) => vehicleId));
      const fetching = wakesToFetch(state, await listOpenModelOrders(database, nowMs), nowMs);
      const others = fetching.filter(({ vehicleId }) => !planned.has(vehicleId));
      return { ...dispatch, vehiclesToWake: [...dispatch.vehiclesToWake, ...others] };
    },

    /**
     * Puts the plan's next slots onto the cars as retained setpoint profiles, and what they are to fetch. Within a slot, cars that give power up are
     * told before those that take it: else both would draw it for as long as the messages take.
     */
    async publishSetpoints(request: { planId: string }): Promise<void> {
      const stored = await readPlan<Plan>(database, request.planId);
      if (!stored) throw new Error(`plan ${request.planId} is not stored`);
      const { id: planId, cellId, plan, slotStartMs, createdAtMs: issuedAtMs } = stored;
      const slotBeforeMs = slotStartMs - plan.slots.slotMinutes * MINUTE_MS;
      // Made ahead of its slot, a plan must not end the slot that still runs.
      const before = (await planOfSlot<Plan>(database, cellId, slotBeforeMs))?.plan;
      const runningCars = carsById(before);
      const replaced = carsById((await planReplacedBy<Plan>(database, stored))?.plan);
      const drawsMore = (car: CarPlan): boolean => powerKw(car) > powerKw(replaced.get(car.carId));
      const oneOfFew = pLimit(PROFILES_ON_THEIR_WAY);
      const publish = (cars: readonly CarPlan[]): Promise<unknown> =>
        oneOfFew.map(cars, (car) => {
          const running = runningCars.get(car.carId);
          const intervals = [
            ...(before && running ? profileIntervals(before, running, 1) : []),
            ...profileIntervals(plan, car, PROFILE_SLOTS, running),
          ];
          const profile: SetpointProfile = { planId, issuedAtMs, intervals };
          return vehicles.publish(topics.setpoints(car.carId), profile, { retain: true });
        });
      await publish(plan.cars.filter((car) => !drawsMore(car)));
      await publish(plan.cars.filter(drawsMore));
      await publishModelOrders(ports, cellId, Math.round(ports.gridNowMs()));
    },

    /** Tells the sessions whose setpoint or reasons changed with this plan what they are to do, and why. */
    async tellSessions(request: { planId: string }): Promise<void> {
      const stored = await readPlan<Plan>(database, request.planId);
      if (!stored) throw new Error(`plan ${request.planId} is not stored`);
      const before = await planBefore<Plan>(database, stored);
      const sessions = await listOpenParkingSessions(database, stored.cellId);
      const told = changedSetpoints(stored.plan, before?.plan, sessions);
      const oneOfFew = pLimit(SESSIONS_TOLD_AT_ONCE);
      await oneOfFew.map(told, (setpoint) => ports.tellSession(setpoint));
    },

    /** Asks the modems of sleeping cars to wake them. */
    async wakeVehicles(request: { cellId: string; vehicles: PlanDispatch['vehiclesToWake'] }): Promise<void> {
      const lines: JournalLine[] = [];
      const attempts = new Map((await listWakes(database, request.cellId)).map((each) => [each.vehicleId, each]));
      for (const { vehicleId, reason } of request.vehicles) {
        const before = attempts.get(vehicleId);
        // Each wake-up costs a fee, and a car that is waking needs no second one.
        if (before && before.requestedAtMs !== null) continue;
        const requestedAtMs = Math.round(ports.gridNowMs());
        await saveWakes(database, [{ vehicleId, requestedAtMs, failures: before?.failures ?? 0, retryAtMs: null }]);
        await vehicles.publish(topics.wake(vehicleId), { reason }, { retain: false });
        const vehicle = await readVehicle(database, vehicleId);
        const message = `${vehicle?.displayName ?? vehicleId} is asleep and is woken: ${reason}`;
        lines.push({ atMs: Math.round(ports.gridNowMs()), kind: 'woken', subject: vehicleId, message });
      }
      await appendJournal(database, request.cellId, lines);
    },
  };
}

/** What a car is told to draw in the committed slot. */
function powerKw(car: CarPlan | undefined): number {
  return (car?.chargeKw[0] ?? 0) + (car?.computeKw[0] ?? 0);
}

interface Planned {
  readonly plan: Plan;
  readonly fallback?: string;
}

/**
 * Asks the solver. One that dies or runs past its time leaves the last plan, tightened to the present limits: cars then
 * go on within what the grid allows, instead of all falling back to their fail-safes.
 */
async function planOrKeep(ports: PlanPorts, problem: PlanningProblem, previous: Plan | undefined): Promise<Planned> {
  try {
    return { plan: await ports.plan(problem, previous) };
  } catch (error) {
    if (!previous) throw error;
    return { plan: keepPlan(previous, problem), fallback: messageOf(error) };
  }
}

function fallbackLine(cellId: string, cause: string, atMs: number): JournalLine {
  const message = `The last plan is kept, tightened to the present limits: ${cause}`;
  return { atMs, kind: 'fallback', subject: cellId, message, dedupeKey: `kept/${cellId}/${atMs}` };
}

function wakeFailureLines({ vehicles }: CellState, failed: readonly WakeAttempt[], atMs: number): JournalLine[] {
  if (failed.length === 0) return [];
  const names = new Map(vehicles.map(({ id, displayName }) => [id, displayName]));
  return failed.map(({ vehicleId, failures, retryAtMs }) => {
    const name = names.get(vehicleId) ?? vehicleId;
    const minutes = Math.round(((retryAtMs ?? atMs) - atMs) / MINUTE_MS);
    return {
      atMs,
      kind: 'wake_failed',
      subject: vehicleId,
      message: `${name} did not wake up; it is planned without and tried again in ${minutes} min`,
      reasons: [{ code: 'wake_failed', text: 'Wake-ups in a row without effect', value: failures }],
    };
  });
}

/** What cannot be met is said once, and again when it has halved or doubled, not with every plan until it is met. */
function unmetLines(plan: Plan, atMs: number, cause: string): JournalLine[] {
  return plan.unmet.map((unmet) => ({
    atMs,
    kind: 'plan',
    subject: unmet.id,
    message: `Cannot be met (${cause}): ${unmet.text}`,
    dedupeKey: `unmet/${unmet.kind}/${unmet.id}/${Math.ceil(Math.log2(unmet.missing))}`,
  }));
}
