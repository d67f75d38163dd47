import { planningProblemSchema, type PlanningProblem, type PlanningProblemInput } from '../../scheduler/problem.ts';

type CarInput = PlanningProblemInput['cars'][number];
type JobInput = NonNullable<PlanningProblemInput['jobs']>[number];

/** A night of hourly slots with one feeder, drawn as its prices in cents per kWh. */
export function night(
  cents: readonly number[],
  options: {
    cars?: Partial<CarInput>[];
    jobs?: Partial<JobInput>[];
    limitKw?: number | (number | null)[];
    celsius?: number | number[];
    rules?: PlanningProblemInput['rules'];
  } = {},
): PlanningProblem {
  const count = cents.length;
  const { limitKw = 1000, celsius = 10 } = options;
  return planningProblemSchema.parse({
    slots: { startMs: 0, slotMinutes: 60, count },
    regions: [
      {
        id: 'r',
        priceEurPerKwh: cents.map((cent) => cent / 100),
        carbonGPerKwh: cents.map(() => 0),
        ambientCelsius: typeof celsius === 'number' ? cents.map(() => celsius) : celsius,
      },
    ],
    feeders: [
      {
        id: 'f',
        regionId: 'r',
        importLimitKw: typeof limitKw === 'number' ? cents.map(() => limitKw) : limitKw,
        houseLoadKw: cents.map(() => 0),
      },
    ],
    // At the plug and at 10 °C: 0.88 kW · (1 + 1/4) / 0.88 = 1.25 kW.
    hardwareClasses: [{ id: 'h', chipKw: 0.88, awakeKw: 0 }],
    cars: (options.cars ?? [{}]).map((car, index) => ({
      id: `car-${index}`,
      feederId: 'f',
      hardwareClass: 'h',
      pluggedFromSlot: 0,
      untilSlot: count,
      readyBySlot: count,
      chargerMaxKw: 10,
      chargerEfficiency: 1,
      needKwh: 0,
      ...car,
    })),
    jobs: (options.jobs ?? []).map((job, index) => ({
      id: `job-${index}`,
      shardsRemaining: 1,
      classes: [{ hardwareClass: 'h', shardMinutes: 60 }],
      regionIds: ['r'],
      windowStartSlot: 0,
      windowEndSlot: count,
      ...job,
    })),
    rules: { hysteresisEurPerKwh: 0, ...options.rules },
  });
}
