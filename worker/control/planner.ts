import type { PlanPorts } from '../../activities/plan/planActivities.ts';
import { childEntry } from '../../inference/childEntry.ts';
import { planSchema } from '../../scheduler/plan.ts';
import { startAskedProcess } from '../process/askedProcess.ts';

export interface Planner {
  readonly plan: PlanPorts['plan'];
  close(): Promise<void>;
}

/** Tells of each plan how long it took, also of one that failed. */
export function timed(
  plan: Planner['plan'],
  onEnd: (outcome: 'planned' | 'failed', seconds: number) => void,
): Planner['plan'] {
  return async (problem, previous) => {
    const startMs = performance.now();
    const seconds = (): number => (performance.now() - startMs) / 1_000;
    try {
      const made = await plan(problem, previous);
      onEnd('planned', seconds());
      return made;
    } catch (error) {
      onEnd('failed', seconds());
      throw error;
    }
  };
}

/**
 * Plans in a process of its own: a plan of a large cell takes seconds, in which heartbeats and polls of the control
 * worker would stop, and a solver that runs out of memory must not take the workflows with it. One that dies or runs
 * past `limitMs` fails that one plan; the next gets a new process.
 * @throws Error, from `plan`, that names what happened to the solver
 */
export function startPlanner(limitMs: number): Planner {
  const solver = startAskedProcess('the solver', childEntry(import.meta.url, './plannerProcess'), limitMs);
  return {
    plan: async (problem, previous) => planSchema.parse(await solver.ask({ problem, previous })),
    close: () => solver.close(),
  };
}
