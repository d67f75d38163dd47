import type { TrustOutcome } from '../simulator/dishonestFleet.ts';
import { tableOf } from './table.ts';
import type { Terminal } from './terminal.ts';

/** What checking found and cost: a line a day, a line for each kind of liar, and the sum. */
export function trustText(outcome: TrustOutcome, { colors }: Terminal): string {
  const { days, kinds } = outcome;
  const byDay = days.map((day, index) => [
    `${index + 1}`,
    day.lines.toLocaleString('en-US'),
    shareOf(day.wrongDelivered, day.lines),
    shareOf(day.wrongForGood, day.lines),
    `${(100 * day.overhead).toFixed(2)} %`,
    `${day.liarsCaught}`,
    `${day.honestQuarantined}`,
  ]);
  const byKind = kinds.map(({ kind, cars, caught, medianShardsUntilCaught }) => [
    kind,
    `${caught} of ${cars}`,
    medianShardsUntilCaught === undefined ? '-' : `${medianShardsUntilCaught}`,
  ]);
  const sum = (of: (day: (typeof days)[number]) => number): number => days.reduce((total, day) => total + of(day), 0);
  const lines = sum((day) => day.lines);
  return [
    tableOf(
      ['day', 'lines', 'wrong delivered', 'not corrected', 'overhead', 'liars caught', 'honest quarantined'],
      byDay,
      colors,
    ),
    tableOf(['kind of liar', 'caught', 'shards until then, median'], byKind, colors),
    `${shareOf(
      sum((day) => day.wrongDelivered),
      lines,
    )} of all lines were delivered wrong, ` +
      `${shareOf(
        sum((day) => day.wrongForGood),
        lines,
      )} stayed so. ` +
      `${outcome.honestQuarantined} honest cars were quarantined; ` +
      `${outcome.falseAlarmsPer1000Checks.toFixed(2)} of 1,000 checks of honest cars found a difference.\n`,
  ].join('\n');
}

function shareOf(part: number, whole: number): string {
  return part === 0 ? '0' : (part / whole).toExponential(1);
}
