import { planPromises } from '../planning/planPromises.ts';
import { runBaseline, type BaselineName } from '../scheduler/baselines/runBaseline.ts';
import { planCell } from '../scheduler/planCell.ts';
import type { Plan } from '../scheduler/plan.ts';
import { planningProblemSchema } from '../scheduler/problem.ts';
import { replan } from '../scheduler/replan.ts';
import { planClairvoyantly } from './clairvoyant.ts';
import type { Ledger } from './ledger.ts';
import type { PlanTimer } from './planTimer.ts';
import type { PolicyResult } from './results.ts';
import { rollThrough, type Policy } from './rolling.ts';
import type { Scenario } from './scenario.ts';

/** The policies that are lived through, in the order of the table: the first is what the others are held against. */
const POLICIES: readonly (readonly [string, () => Policy])[] = [
  ['asap', () => baseline('asap')],
  ['edf', () => baseline('edf')],
  ['llf', () => baseline('llf')],
  ['planner', replanning],
];

function baseline(name: BaselineName): Policy {
  return async ({ promised }) => runBaseline(planningProblemSchema.parse(promised), name);
}

/** The planner as a cell runs it: from its last plan where there is one. */
function replanning(): Policy {
  let previous: Plan | undefined;
  return async (parts) => {
    const { plan } = await planPromises(parts, (problem) => ({
      plan: previous === undefined ? planCell(problem) : replan(previous, problem),
    }));
    previous = plan;
    return plan;
  };
}

const CLAIRVOYANT = 'clairvoyant';

/**
 * Lives through the scenario with every policy, and plans it once with everything known.
 * @param onNight called with policy and night, for a progress display
 */
export async function backtest(
  scenario: Scenario,
  onNight: (policy: string, night: string) => void = () => undefined,
): Promise<PolicyResult[]> {
  onNight(CLAIRVOYANT, '');
  const clairvoyant = await planClairvoyantly(scenario);
  const isImpossible = (stayId: string): boolean => clairvoyant.impossible.has(stayId);
  const lived: PolicyResult[] = [];
  for (const [name, createPolicy] of POLICIES) {
    const onEach = (night: string): void => onNight(name, night);
    const { ledger, timer } = await rollThrough(scenario, createPolicy(), isImpossible, onEach);
    lived.push(resultOf(name, ledger, timer));
  }
  return [...lived, resultOf(CLAIRVOYANT, clairvoyant.ledger, clairvoyant.timer)];
}

function resultOf(policy: string, ledger: Ledger, timer: PlanTimer): PolicyResult {
  return {
    policy,
    nights: ledger.nights(),
    total: ledger.total(),
    plans: timer.plans,
    meanPlanMs: timer.meanMs,
    slowestPlanMs: timer.slowestMs,
  };
}
