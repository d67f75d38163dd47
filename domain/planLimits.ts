/**
 * The limits of time within which a plan is made. One is asked for twice where promises cannot be kept with a margin,
 * so the activity outlasts two runs of the solver and what is read and written around them.
 */
export const SOLVER_LIMIT_REAL_MS = 20_000;
const SOLVER_RUNS_PER_PLAN = 2;
const READ_AND_WRITE_REAL_MS = 10_000;
export const PLAN_LIMIT_REAL_MS = SOLVER_RUNS_PER_PLAN * SOLVER_LIMIT_REAL_MS + READ_AND_WRITE_REAL_MS;
