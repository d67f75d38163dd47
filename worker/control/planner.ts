import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { childEntry } from '../../inference/childEntry.ts';
import type { PlanPorts } from '../../activities/plan/planActivities.ts';
import { planSchema } from '../../scheduler/plan.ts';

export interface Planner {
  readonly plan: PlanPorts['plan'];
  close(): Promise<void>;
}

/**
 * Plans in a process of its own: a plan of a large cell takes seconds, in which heartbeats and polls of the control
 * worker would stop, and a solver that runs out of memory must not take the workflows with it. One that dies or runs
 * past `limitMs` fails that one plan; the next gets a new process.
 * @throws Error, from `plan`, that names what happened to the solver
 */
export function startPlanner(limitMs: number): Planner {
  const { modulePath, execArgv } = childEntry(import.meta.url, './plannerProcess');
  let solver: ChildProcess | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const ask: PlanPorts['plan'] = async (problem, previous) => {
    const asked = (solver ??= fork(modulePath, [], { execArgv: [...execArgv], serialization: 'advanced' }));
    const limit = AbortSignal.timeout(limitMs);
    const settled = new AbortController();
    const signal = AbortSignal.any([limit, settled.signal]);
    try {
      asked.send({ problem, previous });
      const answer = await Promise.race([
        once(asked, 'message', { signal }).then(([plan]: unknown[]) => planSchema.parse(plan)),
        once(asked, 'exit', { signal }).then(() => {
          throw new Error(`the solver ended (${asked.signalCode ?? `exit code ${asked.exitCode}`})`);
        }),
      ]);
      return answer;
    } catch (error) {
      asked.kill('SIGKILL');
      solver = undefined;
      if (limit.aborted) throw new Error(`the solver ran past its ${limitMs} ms`, { cause: error });
      throw error;
    } finally {
      settled.abort();
    }
  };

  return {
    // One plan at a time: two answers of one process could not be told apart.
    plan: (problem, previous) => {
      const answer = turn.then(() => ask(problem, previous));
      turn = answer.catch(() => undefined);
      return answer;
    },
    close: async () => {
      await turn;
      solver?.kill('SIGKILL');
    },
  };
}
