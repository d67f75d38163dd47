import { HOUR_MS } from '../../domain/durations.ts';
import { centsOf } from '../../domain/money.ts';
import { hoursToCharge, isTooCold } from '../../scheduler/energy/battery.ts';
import { BASELINE_METHOD, plannedFootprint, regionOf, runNowFootprint } from './baseline.ts';
import type { MoneyFacts, NightFacts, OwnerFacts, RegionFacts, RequestCounts, TokenFacts } from './facts.ts';
import { overlapHours } from './slots.ts';

/** The SoC is told in tenths of a percent and rounded by the car; half a percent is the resolution that we promise. */
const SOC_TOLERANCE_PERCENT = 0.5;

/** The figures of a night, as `--report` writes them. Money in EUR, SoC in percent. */
export interface NightReport {
  readonly requests: RequestCounts;
  /** Of lines that were read; null when nothing was answered, or the night was one of chats. */
  readonly characterErrorRate: number | null;
  /** Of definitions that were answered; null in a night of lines. */
  readonly wordsFound: number | null;
  readonly tokens: TokenFacts | null;
  readonly energyKwh: { readonly compute: number; readonly charging: number };
  readonly cost: { readonly planned: number; readonly runNow: number };
  readonly gramsCo2: { readonly planned: number; readonly runNow: number };
  /** How `runNow` was computed. */
  readonly runNowMethod: string;
  readonly handovers: number;
  readonly redoneRequests: number;
  readonly owners: readonly OwnerReport[];
  /** Whole cents that add up: submitters = owners + energy + checking + margin. */
  readonly money: {
    readonly submitters: number;
    readonly owners: number;
    readonly energy: number;
    readonly checking: number;
    readonly margin: number;
  };
}

interface OwnerReport {
  readonly vehicle: string;
  /** Null when it was never measured. */
  readonly readyBySoc: number | null;
  readonly targetSoc: number;
  readonly credit: number;
  /** Below its target although it was there and could have been charged in time. */
  readonly missedByUs: boolean;
}

export function nightReport(facts: NightFacts): NightReport {
  const planned = plannedFootprint(facts);
  const runNow = runNowFootprint(facts);
  const meter = facts.vehicles.flatMap((vehicle) => vehicle.meter);
  return {
    requests: facts.requests,
    characterErrorRate: facts.answers.characterErrorRate ?? null,
    wordsFound: facts.answers.wordsFound ?? null,
    tokens: facts.answers.tokens ?? null,
    energyKwh: {
      compute: round(
        meter.reduce((sum, { computeKwh }) => sum + computeKwh, 0),
        3,
      ),
      charging: round(
        meter.reduce((sum, { chargingKwh }) => sum + chargingKwh, 0),
        3,
      ),
    },
    cost: { planned: round(planned.costEur, 4), runNow: round(runNow.costEur, 4) },
    gramsCo2: { planned: round(planned.gramsCo2, 0), runNow: round(runNow.gramsCo2, 0) },
    runNowMethod: BASELINE_METHOD,
    handovers: facts.handovers,
    redoneRequests: facts.redoneRequests,
    owners: facts.owners.map((owner) => ({
      vehicle: owner.vehicle,
      readyBySoc: owner.readyBySocPercent === undefined ? null : round(owner.readyBySocPercent, 1),
      targetSoc: owner.targetSocPercent,
      credit: round(owner.creditEur, 4),
      missedByUs: missedByUs(owner, facts),
    })),
    money: moneyReport(facts.money),
  };
}

/** The margin is what is left of the others' cents: rounded by itself, the sum could be a cent off. */
function moneyReport(money: MoneyFacts): NightReport['money'] {
  const submitters = centsOf(money.submitterMicros);
  const owners = centsOf(money.ownerMicros);
  const energy = centsOf(money.energyMicros);
  const checking = centsOf(money.checkingMicros);
  const margin = submitters - owners - energy - checking;
  return {
    submitters: submitters / 100,
    owners: owners / 100,
    energy: energy / 100,
    checking: checking / 100,
    margin: margin / 100,
  };
}

/** 0 only if every request is accounted for and no ready-by was missed by us. */
export function exitCode(report: NightReport): 0 | 1 {
  const { total, completed, failed, expired } = report.requests;
  const accounted = completed + failed + expired === total;
  return accounted && report.owners.every((owner) => !owner.missedByUs) ? 0 : 1;
}

/**
 * An owner who drives off before the ready-by, or comes too late for any charger, or whose battery was too cold to be
 * charged for too long, was not failed by us. A SoC that was never measured is a miss: we cannot show that we kept the promise.
 */
function missedByUs(owner: OwnerFacts, facts: NightFacts): boolean {
  const { readyBySocPercent, targetSocPercent, readyByMs, unpluggedAtMs, arrivalSocPercent } = owner;
  if (readyBySocPercent === undefined) return true;
  if (readyBySocPercent >= targetSocPercent - SOC_TOLERANCE_PERCENT) return false;
  if (unpluggedAtMs !== undefined && unpluggedAtMs < readyByMs) return false;
  const pack = { capacityKwh: owner.batteryKwh, ...owner.charger };
  const slots = slotsOf(owner, facts);
  const tooColdHours = slots
    .filter(({ ambientC }) => isTooCold(pack, ambientC))
    .reduce((sum, { startMs }) => sum + overlapHours(startMs, facts.slotMs, owner.pluggedInAtMs, readyByMs), 0);
  const coldestC = Math.max(
    Math.min(...slots.map(({ ambientC }) => ambientC)),
    pack.chargeFromCelsius ?? Number.NEGATIVE_INFINITY,
  );
  const neededHours = hoursToCharge(pack, arrivalSocPercent ?? 0, targetSocPercent, pack.maxKw, coldestC);
  return (readyByMs - owner.pluggedInAtMs) / HOUR_MS - tooColdHours >= neededHours;
}

function slotsOf({ vehicle: id }: OwnerFacts, facts: NightFacts): RegionFacts['slots'] {
  const vehicle = facts.vehicles.find((each) => each.id === id);
  if (vehicle) return regionOf(facts, vehicle).slots;
  throw new RangeError(`owner of ${id}: no such vehicle in the facts of the night`);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
