import { actualSignals } from './foresight.ts';
import type { Ledger } from './ledger.ts';
import { nightOf } from './nights.ts';
import { SLOT_MINUTES, type PromisedStay, type Scenario } from './scenario.ts';
import { reachableInSlotsKwh } from './traceProblem.ts';

/** Less than this is rounding, or a charge that ended with the last quarter of an hour. */
export const ENOUGH_KWH = 0.01;

/** Books energy that was really drawn in the slot that begins at `slotMs`. */
export function bookEnergy(
  scenario: Scenario,
  ledger: Ledger,
  slotMs: number,
  drawn: { readonly chargeKwh: number; readonly computeKwh: number },
): void {
  if (drawn.chargeKwh === 0 && drawn.computeKwh === 0) return;
  const actual = actualSignals(scenario.signals, { startMs: slotMs, slotMinutes: SLOT_MINUTES, count: 1 });
  const night = ledger.of(nightOf(slotMs, scenario.options.timeZone));
  const kwh = drawn.chargeKwh + drawn.computeKwh;
  night.chargeKwh += drawn.chargeKwh;
  night.computeKwh += drawn.computeKwh;
  night.costEur += kwh * (actual.priceEurPerKwh[0] ?? 0);
  night.carbonKg += (kwh * (actual.carbonGPerKwh[0] ?? 0)) / 1000;
}

/**
 * Books whether a stay was ready at its ready-by, or had left before.
 * @param missingKwh at the earlier of ready-by and departure
 * @param isImpossible whether no policy could have served it, beyond what its own charger shows
 */
export function bookReadyBy(
  scenario: Scenario,
  ledger: Ledger,
  stay: PromisedStay,
  missingKwh: number,
  isImpossible: boolean,
): void {
  const night = ledger.of(nightOf(stay.pluggedInMs, scenario.options.timeZone));
  const isShort = missingKwh > ENOUGH_KWH;
  if (stay.pluggedOutMs < stay.readyByMs) {
    night.leftEarly++;
    if (isShort) night.leftEarlyShort++;
  } else if (!isShort) {
    night.readyByKept++;
  } else if (isImpossible || reachableInSlotsKwh(scenario, stay) + ENOUGH_KWH < stay.energyKwh) {
    night.readyByImpossible++;
  } else {
    night.readyByBroken++;
  }
}

/** Books what a car left without: as bought in the dearest and the dirtiest hour of the day after its plug-in. */
export function bookDeparture(scenario: Scenario, ledger: Ledger, stay: PromisedStay, missingKwh: number): void {
  if (missingKwh <= ENOUGH_KWH) return;
  const actual = actualSignals(scenario.signals, { startMs: stay.pluggedInMs, slotMinutes: 60, count: 24 });
  const night = ledger.of(nightOf(stay.pluggedInMs, scenario.options.timeZone));
  night.missingKwh += missingKwh;
  night.missingCostEur += missingKwh * Math.max(...actual.priceEurPerKwh);
  night.missingCarbonKg += (missingKwh * Math.max(...actual.carbonGPerKwh)) / 1000;
}
