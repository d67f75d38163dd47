import { instant, type Queryable } from './database.ts';

/** A plan as it was made: the problem that went in and what came out, as the scheduler's own records. */
export interface StoredPlan<Problem, Plan> {
  readonly id: string;
  readonly cellId: string;
  /** The committed slot; the rest of the plan is a forecast. */
  readonly slotStartMs: number;
  readonly createdAtMs: number;
  readonly problem: Problem;
  readonly plan: Plan;
}

const COLUMNS = `id, cell_id as "cellId", slot_start as "slotStartMs", created_at as "createdAtMs", problem, plan`;

/** Stores a plan once; a retry with the same id changes nothing. */
export async function savePlan(db: Queryable, plan: StoredPlan<unknown, unknown>): Promise<void> {
  await db.query(
    `insert into plans (id, cell_id, slot_start, created_at, problem, plan) values ($1, $2, $3, $4, $5, $6)
     on conflict (id) do nothing`,
    [
      plan.id,
      plan.cellId,
      instant(plan.slotStartMs),
      instant(plan.createdAtMs),
      JSON.stringify(plan.problem),
      JSON.stringify(plan.plan),
    ],
  );
}

export async function readPlan<Problem, Plan>(
  db: Queryable,
  id: string,
): Promise<StoredPlan<Problem, Plan> | undefined> {
  const [plan] = await db.query<StoredPlan<Problem, Plan>>(`select ${COLUMNS} from plans where id = $1`, [id]);
  return plan;
}

export async function latestPlan<Problem, Plan>(
  db: Queryable,
  cellId: string,
): Promise<StoredPlan<Problem, Plan> | undefined> {
  const [plan] = await db.query<StoredPlan<Problem, Plan>>(
    `select ${COLUMNS} from plans where cell_id = $1 order by slot_start desc, created_at desc, id desc limit 1`,
    [cellId],
  );
  return plan;
}

/** The plan in force in the slot that starts at `slotStartMs`: the newest of those that commit it. */
export async function planOfSlot<Problem, Plan>(
  db: Queryable,
  cellId: string,
  slotStartMs: number,
): Promise<StoredPlan<Problem, Plan> | undefined> {
  const [plan] = await db.query<StoredPlan<Problem, Plan>>(
    `select ${COLUMNS} from plans where cell_id = $1 and slot_start = $2 order by created_at desc limit 1`,
    [cellId, instant(slotStartMs)],
  );
  return plan;
}

/** The plan that the given one replaces within its slot; undefined when it is the slot's first. */
export async function planReplacedBy<Problem, Plan>(
  db: Queryable,
  plan: Pick<StoredPlan<Problem, Plan>, 'cellId' | 'slotStartMs' | 'createdAtMs'>,
): Promise<StoredPlan<Problem, Plan> | undefined> {
  const [replaced] = await db.query<StoredPlan<Problem, Plan>>(
    `select ${COLUMNS} from plans where cell_id = $1 and slot_start = $2 and created_at < $3
     order by created_at desc limit 1`,
    [plan.cellId, instant(plan.slotStartMs), instant(plan.createdAtMs)],
  );
  return replaced;
}

/** The newest plan of the cell that was made before the given one, for its slot or an earlier one. */
export async function planBefore<Problem, Plan>(
  db: Queryable,
  plan: Pick<StoredPlan<Problem, Plan>, 'cellId' | 'slotStartMs' | 'createdAtMs'>,
): Promise<StoredPlan<Problem, Plan> | undefined> {
  const [before] = await db.query<StoredPlan<Problem, Plan>>(
    `select ${COLUMNS} from plans where cell_id = $1 and slot_start <= $2 and created_at < $3
     order by slot_start desc, created_at desc, id desc limit 1`,
    [plan.cellId, instant(plan.slotStartMs), instant(plan.createdAtMs)],
  );
  return before;
}

/** The parts of the newest plan that speak of jobs: a plan of many cars is large. */
export async function latestJobPlans<
  Parts extends {
    readonly slots: unknown;
    readonly jobs: unknown;
    readonly grants: unknown;
    readonly regions: unknown;
  },
>(db: Queryable, cellId: string): Promise<Parts | undefined> {
  const [parts] = await db.query<Parts>(
    `select plan->'slots' as slots, plan->'jobs' as jobs, plan->'grants' as grants, problem->'regions' as regions
     from plans where cell_id = $1 order by slot_start desc, created_at desc, id desc limit 1`,
    [cellId],
  );
  return parts;
}
