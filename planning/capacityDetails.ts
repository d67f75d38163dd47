import { barsOf } from '../domain/bars.ts';
import { HOUR_MS } from '../domain/durations.ts';
import { nextMorningMs } from '../domain/morning.ts';
import type { Plan } from '../scheduler/plan.ts';
import type { PlanningProblem } from '../scheduler/problem.ts';
import type { Region } from '../store/regions.ts';
import { energyUntilKwh, fleetCapacity, type Capacity } from './capacity.ts';

/** A workflow's history must not grow with the classes of its cell; the API has all of them. */
const MAX_ROWS = 20;

/** What the fleet can do, as a table in Markdown: by region and class now, by the hour, and until the region's morning. */
export function capacityDetails(
  regions: readonly Pick<Region, 'id' | 'timeZone'>[],
  problem: PlanningProblem,
  plan: Plan,
): string {
  const zones = new Map(regions.map(({ id, timeZone }) => [id, timeZone]));
  const rows = fleetCapacity(problem, plan).map((capacity) => {
    const { regionId, hardwareClass, cars, awake, curve } = capacity;
    const morningMs = nextMorningMs(plan.slots.startMs, zones.get(regionId) ?? 'UTC');
    return {
      told: `${regionId} | ${hardwareClass} | ${awake} of ${cars}`,
      nowKw: curve[0]?.kw ?? 0,
      tonight: barsOf(hourlyKw(capacity, morningMs)),
      kwh: energyUntilKwh(capacity, problem, morningMs),
    };
  });
  const sum = (of: (row: (typeof rows)[number]) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const total = `The fleet can compute with ${sum(({ nowKw }) => nowKw).toFixed(1)} kW now and ${sum(({ kwh }) => kwh).toFixed(1)} kWh until the morning.`;
  if (rows.length === 0) return total;
  return [
    total,
    '',
    '| region | class | awake | kW now | by the hour until 07:00 | kWh by 07:00 |',
    '|---|---|---|---|---|---|',
    ...rows
      .slice(0, MAX_ROWS)
      .map(({ told, nowKw, tonight, kwh }) => `| ${told} | ${nowKw.toFixed(2)} | ${tonight} | ${kwh.toFixed(1)} |`),
    ...(rows.length > MAX_ROWS ? ['', `and ${rows.length - MAX_ROWS} more: \`nightshift fleet status\``] : []),
  ].join('\n');
}

/** The first slot's power of each hour until the morning. */
function hourlyKw({ curve }: Capacity, morningMs: number): number[] {
  const startMs = curve[0]?.startMs ?? morningMs;
  return curve
    .filter((slot) => slot.startMs < morningMs && (slot.startMs - startMs) % HOUR_MS === 0)
    .map((slot) => slot.kw);
}
