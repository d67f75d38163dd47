import { planCell } from '../../scheduler/planCell.ts';
import { planningProblemSchema, type PlanningProblemInput } from '../../scheduler/problem.ts';
import type { SlotAxis } from '../../scheduler/time.ts';

const NAME = 'only';

/**
 * Carbon intensity, summed over the steps in which a job runs that may pause, as the planner places it: a job of
 * `steps` shards of one step each, one machine of 1 kW that is always there, power free of charge and carbon at 1 EUR
 * per kg.
 * @param gPerKwh of each step of the job's window
 * @param startMs start of the window
 */
export function pausableEmissions(
  gPerKwh: readonly number[],
  startMs: number,
  slotMinutes: number,
  steps: number,
): number {
  const axis: SlotAxis = { startMs, slotMinutes, count: gPerKwh.length };
  const { count } = axis;
  const every = (value: number): number[] => gPerKwh.map(() => value);
  const plan = planCell(
    planningProblemSchema.parse({
      slots: axis,
      regions: [
        {
          id: NAME,
          priceEurPerKwh: every(0),
          carbonGPerKwh: [...gPerKwh],
          ambientCelsius: every(10),
          plugKwPerChipKw: every(1),
        },
      ],
      feeders: [{ id: NAME, regionId: NAME, importLimitKw: every(1), houseLoadKw: every(0) }],
      hardwareClasses: [{ id: NAME, chipKw: 1, awakeKw: 0 }],
      cars: [
        {
          id: NAME,
          feederId: NAME,
          hardwareClass: NAME,
          pluggedFromSlot: 0,
          untilSlot: count,
          readyBySlot: count,
          chargerMaxKw: 0,
          chargerEfficiency: 1,
          needKwh: 0,
        },
      ],
      jobs: [
        {
          id: NAME,
          shardsRemaining: steps,
          classes: [{ hardwareClass: NAME, shardMinutes: slotMinutes }],
          regionIds: [NAME],
          windowStartSlot: 0,
          windowEndSlot: count,
        },
      ],
      weights: { carbonEurPerKg: 1 },
    } satisfies PlanningProblemInput),
  );
  const [unmet] = plan.unmet;
  if (unmet) throw new Error(`The planner does not serve a job of ${steps} steps in ${count}: ${unmet.text}`);
  return (plan.cars[0]?.computeKw ?? []).reduce((sum, kw, slot) => sum + kw * (gPerKwh[slot] ?? 0), 0);
}
