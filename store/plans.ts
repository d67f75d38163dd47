import { instant, type Queryable } from './database.ts';
import { packRecords, unpackRecords } from './packedRecords.ts';

/** A plan as it was made, without the problem that went in. */
export interface MadePlan<Plan> {
  readonly id: string;
  readonly cellId: string;
  /** The committed slot; the rest of the plan is a forecast. */
  readonly slotStartMs: number;
  readonly createdAtMs: number;
  readonly plan: Plan;
}

/** A plan as it was made: the problem that went in and what came out, as the scheduler's own records. */
export interface StoredPlan<Problem, Plan> extends MadePlan<Plan> {
  readonly problem: Problem;
}

const PLAN_COLUMNS = `id, cell_id as "cellId", slot_start as "slotStartMs", created_at as "createdAtMs", plan,
  plan_cars as "planCars"`;
const PROBLEM_COLUMNS = `problem, problem_cars as "problemCars"`;

interface PlanRow extends MadePlan<Record<string, unknown>> {
  /** Null in plans that have their cars in their JSON. */
  readonly planCars: Buffer | null;
}
interface ProblemRow extends PlanRow {
  readonly problem: Record<string, unknown>;
  readonly problemCars: Buffer | null;
}

/** Stores a plan once; a retry with the same id changes nothing. */
export async function savePlan(database: Queryable, stored: StoredPlan<object, object>): Promise<void> {
  const [problem, plan] = await Promise.all([packed(stored.problem), packed(stored.plan)]);
  await database.query(
    `insert into plans (id, cell_id, slot_start, created_at, problem, plan, problem_cars, plan_cars)
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing`,
    [
      stored.id,
      stored.cellId,
      instant(stored.slotStartMs),
      instant(stored.createdAtMs),
      JSON.stringify(problem.rest),
      JSON.stringify(plan.rest),
      problem.cars,
      plan.cars,
    ],
  );
}

export async function readPlan<Plan>(database: Queryable, id: string): Promise<MadePlan<Plan> | undefined> {
  return madePlan(await database.query<PlanRow>(`select ${PLAN_COLUMNS} from plans where id = $1`, [id]));
}

export async function latestPlan<Problem, Plan>(
  database: Queryable,
  cellId: string,
): Promise<StoredPlan<Problem, Plan> | undefined> {
  const rows = await database.query<ProblemRow>(
    `select ${PLAN_COLUMNS}, ${PROBLEM_COLUMNS} from plans where cell_id = $1
     order by slot_start desc, created_at desc, id desc limit 1`,
    [cellId],
  );
  const [row] = rows;
  const made = await madePlan<Plan>(rows);
  return row && made && { ...made, problem: await unpacked<Problem>(row.problem, row.problemCars) };
}

/** Whether there is a plan that a reader has not seen, without reading it. */
export async function latestPlanId(database: Queryable, cellId: string): Promise<string | undefined> {
  const [row] = await database.query<{ id: string }>(
    `select id from plans where cell_id = $1 order by slot_start desc, created_at desc, id desc limit 1`,
    [cellId],
  );
  return row?.id;
}

/** The cell's newest plan, for those who do not ask what it was made from. */
export async function latestMadePlan<Plan>(database: Queryable, cellId: string): Promise<MadePlan<Plan> | undefined> {
  return madePlan(
    await database.query<PlanRow>(
      `select ${PLAN_COLUMNS} from plans where cell_id = $1
       order by slot_start desc, created_at desc, id desc limit 1`,
      [cellId],
    ),
  );
}

/** The plan in force in the slot that starts at `slotStartMs`: the newest of those that commit it. */
export async function planOfSlot<Plan>(
  database: Queryable,
  cellId: string,
  slotStartMs: number,
): Promise<MadePlan<Plan> | undefined> {
  return madePlan(
    await database.query<PlanRow>(
      `select ${PLAN_COLUMNS} from plans where cell_id = $1 and slot_start = $2 order by created_at desc limit 1`,
      [cellId, instant(slotStartMs)],
    ),
  );
}

type PlaceOfPlan = Pick<MadePlan<unknown>, 'cellId' | 'slotStartMs' | 'createdAtMs'>;

/** The plan that the given one replaces within its slot; undefined when it is the slot's first. */
export async function planReplacedBy<Plan>(
  database: Queryable,
  plan: PlaceOfPlan,
): Promise<MadePlan<Plan> | undefined> {
  return madePlan(
    await database.query<PlanRow>(
      `select ${PLAN_COLUMNS} from plans where cell_id = $1 and slot_start = $2 and created_at < $3
       order by created_at desc limit 1`,
      [plan.cellId, instant(plan.slotStartMs), instant(plan.createdAtMs)],
    ),
  );
}

/** The newest plan of the cell that was made before the given one, for its slot or an earlier one. */
export async function planBefore<Plan>(database: Queryable, plan: PlaceOfPlan): Promise<MadePlan<Plan> | undefined> {
  return madePlan(
    await database.query<PlanRow>(
      `select ${PLAN_COLUMNS} from plans where cell_id = $1 and slot_start <= $2 and created_at < $3
       order by slot_start desc, created_at desc, id desc limit 1`,
      [plan.cellId, instant(plan.slotStartMs), instant(plan.createdAtMs)],
    ),
  );
}

/** The parts of the newest plan that speak of jobs: a plan of many cars is large. */
export async function latestJobPlans<
  Parts extends {
    readonly slots: unknown;
    readonly jobs: unknown;
    readonly grants: unknown;
    readonly regions: unknown;
  },
>(database: Queryable, cellId: string): Promise<Parts | undefined> {
  const [parts] = await database.query<Parts>(
    `select plan->'slots' as slots, plan->'jobs' as jobs, plan->'grants' as grants, problem->'regions' as regions
     from plans where cell_id = $1 order by slot_start desc, created_at desc, id desc limit 1`,
    [cellId],
  );
  return parts;
}

async function madePlan<Plan>([row]: readonly PlanRow[]): Promise<MadePlan<Plan> | undefined> {
  if (!row) return undefined;
  const { planCars, id, cellId, slotStartMs, createdAtMs } = row;
  return { id, cellId, slotStartMs, createdAtMs, plan: await unpacked<Plan>(row.plan, planCars) };
}

/** Cars are most of a plan and of a problem. */
async function packed(record: { readonly cars?: readonly object[] }) {
  const { cars, ...rest } = record;
  return { rest, cars: cars ? await packRecords(cars.map((car) => ({ ...car }))) : null };
}

async function unpacked<Whole>(rest: Record<string, unknown>, cars: Buffer | null): Promise<Whole> {
  // As with rows, the caller says which of the scheduler's records it is.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (cars ? { ...rest, cars: await unpackRecords(cars) } : rest) as Whole;
}
