import { forecastByFeeder, type FeederForecast } from '../../planning/feederForecast.ts';
import type { Plan } from '../../scheduler/plan.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import type { SlotAxis } from '../../scheduler/time.ts';
import type { Queryable } from '../../store/database.ts';
import { latestPlan, latestPlanId } from '../../store/plans.ts';

/** The newest plan, as far as those who look at it need it. */
export interface PlanForecast {
  readonly id: string;
  readonly createdAtMs: number;
  readonly slotStartMs: number;
  readonly axis: SlotAxis;
  readonly plan: Plan;
  readonly problem: PlanningProblem;
  readonly byFeeder: ReadonlyMap<string, FeederForecast>;
}

/** Keeps the newest plan of a cell unpacked: a plan of many cars takes a while to read, and all who look want the same. */
export class PlanForecasts {
  readonly #database: Queryable;
  readonly #cellId: string;
  #newest: { readonly id: string; readonly forecast: Promise<PlanForecast | undefined> } | undefined;

  constructor(database: Queryable, cellId: string) {
    this.#database = database;
    this.#cellId = cellId;
  }

  /** Undefined before the first plan. */
  async newest(): Promise<PlanForecast | undefined> {
    const id = await latestPlanId(this.#database, this.#cellId);
    if (id === undefined) return undefined;
    if (this.#newest?.id !== id) {
      const forecast = this.#read();
      this.#newest = { id, forecast };
      // What could not be read is asked for again.
      forecast.catch(() => (this.#newest = undefined));
    }
    return this.#newest.forecast;
  }

  async #read(): Promise<PlanForecast | undefined> {
    const stored = await latestPlan<PlanningProblem, Plan>(this.#database, this.#cellId);
    if (!stored) return undefined;
    const { id, createdAtMs, slotStartMs, plan, problem } = stored;
    return { id, createdAtMs, slotStartMs, axis: plan.slots, plan, problem, byFeeder: forecastByFeeder(problem, plan) };
  }
}
