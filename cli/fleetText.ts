import type { CapacityWire } from '../api/wire/capacity.ts';
import { barsOf } from '../domain/bars.ts';
import type { Terminal } from './terminal.ts';

const DRAWN_SLOTS = 48;

/** What the fleet can do, a line for each region and class, and the sum. */
export function capacityText({ classes, slot_minutes: slotMinutes }: CapacityWire, { colors }: Terminal): string {
  if (classes.length === 0) return 'No car that may compute is at its plug, or there is no plan yet.\n';
  const rows = classes.map((each) => [
    each.region,
    each.hardware_class,
    `${each.awake} of ${each.cars}`,
    each.now_kw.toFixed(2),
    each.planned_now_kw.toFixed(2),
    each.kwh_until_morning.toFixed(1),
    barsOf(each.curve.slice(0, DRAWN_SLOTS).map(({ kw }) => kw)),
  ]);
  const sum = (of: (each: CapacityWire['classes'][number]) => number): number =>
    classes.reduce((total, each) => total + of(each), 0);
  const total = [
    'all',
    '',
    `${sum(({ awake }) => awake)} of ${sum(({ cars }) => cars)}`,
    sum(({ now_kw: kw }) => kw).toFixed(2),
    sum(({ planned_now_kw: kw }) => kw).toFixed(2),
    sum(({ kwh_until_morning: kwh }) => kwh).toFixed(1),
    '',
  ];
  const hours = `next ${((DRAWN_SLOTS * slotMinutes) / 60).toFixed(0)} h`;
  const table = [['region', 'class', 'awake', 'kW now', 'planned', 'kWh by 07:00', hours], ...rows, total];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return table
    .map((row, index) => {
      const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
      return `${index === 0 || index === table.length - 1 ? colors.bold(line.trimEnd()) : line.trimEnd()}\n`;
    })
    .join('');
}
