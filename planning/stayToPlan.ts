import { HOUR_MS } from '../domain/durations.ts';
import { localHour } from '../domain/localHour.ts';
import type { Habit } from '../scheduler/habit.ts';
import { emptyHabit } from '../scheduler/habit.ts';
import type { PlanningProblemInput } from '../scheduler/problem.ts';
import { placeOfArrival, survivalCurve } from '../scheduler/survival.ts';
import { slotAt, slotHours, slotsWithin, slotStartMs, type SlotAxis } from '../scheduler/time.ts';

export type CarInput = PlanningProblemInput['cars'][number];

/** A car at its plug, wherever that is known from: a cell's tables, or recorded stays. Instants are grid time. */
export interface StayToPlan {
  readonly car: Omit<CarInput, 'pluggedFromSlot' | 'untilSlot' | 'readyBySlot' | 'survival'>;
  readonly pluggedInMs: number;
  readonly readyByMs: number;
  /** Of the owner's clock. */
  readonly timeZone: string;
  /** What earlier stays of the car, and of all cars at its feeder, say; absent where none has ended. */
  readonly habit: Habit | undefined;
  readonly siteHabit: Habit | undefined;
}

/** Slots that a car is planned for after its ready-by has passed and it is still there: the next plan sees further. */
const OVERDUE_SLOTS = 4;
/** A car with less time to spare than this, in slots, needs the part of the first one: its last slot may be lost as well. */
const SHORT_SLOTS = 2;
/** Sums of energies may pass a whole number of slots by rounding. */
const ROUNDING_SLOTS = 1e-6;
const UNKNOWN_HABIT = emptyHabit();

/** The stay from the start of the axis to its ready-by, with the chance that it lasts so long. */
export function stayToPlan(axis: SlotAxis, stay: StayToPlan): CarInput {
  const beforeMs = isShort(axis, stay) ? Math.max(0, stay.pluggedInMs - axis.startMs) : 0;
  const promised = promisedSlot(axis, withoutTime(stay, beforeMs));
  const untilSlot = promised > 0 ? promised : Math.min(axis.count, OVERDUE_SLOTS);
  const afterMs = promised > 0 ? Math.max(0, slotStartMs(axis, promised) - stay.readyByMs) : 0;
  return {
    ...withoutTime(stay, beforeMs + afterMs).car,
    pluggedFromSlot: 0,
    untilSlot,
    readyBySlot: untilSlot,
    survival: survivalOf(axis, stay, untilSlot),
  };
}

function isShort(axis: SlotAxis, { car, pluggedInMs, readyByMs }: StayToPlan): boolean {
  const chargingMs = car.needKwh / kwhPerMs(car);
  return car.needKwh > 0 && readyByMs - pluggedInMs - chargingMs < SHORT_SLOTS * slotHours(axis) * HOUR_MS;
}

/**
 * The stay with what its charger cannot give in time that its slots count and it does not have: before it came, in the first
 * slot, or after it leaves, in the last. Else a plan would spare a slot that is not there, and the car would leave short.
 */
function withoutTime(stay: StayToPlan, ms: number): StayToPlan {
  return { ...stay, car: { ...stay.car, needKwh: stay.car.needKwh + ms * kwhPerMs(stay.car) } };
}

function kwhPerMs({ chargerMaxKw, chargerEfficiency }: StayToPlan['car']): number {
  return (chargerMaxKw * chargerEfficiency) / HOUR_MS;
}

/** End of the whole slots before ready-by; with the slot in which it lies, when the car needs every minute. */
function promisedSlot(axis: SlotAxis, { car, readyByMs }: StayToPlan): number {
  const whole = slotsWithin(axis, axis.startMs, readyByMs).until;
  const slotKwh = car.chargerMaxKw * car.chargerEfficiency * slotHours(axis);
  const neededSlots = slotKwh > 0 ? Math.ceil(car.needKwh / slotKwh - ROUNDING_SLOTS) : 0;
  if (whole >= neededSlots || readyByMs <= axis.startMs) return whole;
  return Math.min(axis.count, slotAt(axis, readyByMs - 1) + 1);
}

function survivalOf(axis: SlotAxis, stay: StayToPlan, count: number): number[] {
  const localHourOf = (atMs: number) => localHour(stay.timeZone, atMs);
  return survivalCurve({
    car: stay.habit ?? UNKNOWN_HABIT,
    site: stay.siteHabit ?? UNKNOWN_HABIT,
    place: placeOfArrival(localHourOf(stay.pluggedInMs)),
    pluggedInMs: stay.pluggedInMs,
    statedMs: stay.readyByMs,
    fromMs: axis.startMs,
    stepMs: slotStartMs(axis, 1) - axis.startMs,
    count,
    localHourOf,
    // As exact as a plan keeps it, so that a problem is the same when it is read again.
  }).map(Math.fround);
}
