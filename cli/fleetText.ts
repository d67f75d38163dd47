import type { CapacityWire } from '../api/wire/capacity.ts';
import type { FleetSpeedsWire } from '../api/wire/speeds.ts';
import { barsOf } from '../domain/bars.ts';
import { tableOf } from './table.ts';
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

/** How fast each class runs each model, in units of work a second, and how that compares with what was stated. */
export function speedsText({ speeds }: FleetSpeedsWire, { colors }: Terminal): string {
  if (speeds.length === 0) return 'No model has a speed yet: one that is added gets that of its probe.\n';
  const rows = speeds.map((each) => {
    const { stated_ms_per_unit: stated, measured_ms_per_unit: measured } = each;
    return [
      each.family,
      `${each.model} ${each.version}`,
      each.hardware_class,
      perSecond(stated),
      measured === null ? '-' : perSecond(measured),
      measured === null ? '' : `${(stated / measured).toFixed(2)} times`,
      String(each.shards),
      perSecond(each.planned_ms_per_unit),
    ];
  });
  return tableOf(['family', 'model', 'class', 'stated/s', 'measured/s', '', 'shards', 'planned/s'], rows, colors);
}

function perSecond(msPerUnit: number): string {
  return (1_000 / msPerUnit).toPrecision(3);
}
