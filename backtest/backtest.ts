import { runBaseline } from '../scheduler/baselines/runBaseline.ts';
import { planCell } from '../scheduler/planCell.ts';
import type { Plan } from '../scheduler/plan.ts';
import { replan } from '../scheduler/replan.ts';
import { planClairvoyantly } from './clairvoyant.ts';
import type { Ledger } from './ledger.ts';
import type { PlanTimer } from './planTimer.ts';
import type { PolicyResult } from './results.ts';
import { rollThrough, type Policy } from './rolling.ts';
import type { Scenario } from './scenario.ts';

/** The policies that are lived through, in the order of the table: the first is what the others are held against. */
const POLICIES: readonly (readonly [string, () => Policy])[] = [
  ['asap', () => (problem) => runBaseline(problem, 'asap')],
  ['edf', () => (problem) => runBaseline(problem, 'edf')],
  ['llf', () => (problem) => runBaseline(problem, 'llf')],
  ['planner', replanning],
];

/** The planner as a cell runs it: from its last plan where there is one. */
function replanning(): Policy {
  let previous: Plan | undefined;
  return (_promised, early) => {
    const problem = early();
    previous = previous === undefined ? planCell(problem) : replan(previous, problem);
    return previous;
  };
}

const CLAIRVOYANT = 'clairvoyant';

/**
 * Lives through the scenario with every policy, and plans it once with everything known.
 * @param onNight called with policy and night, for a progress display
 */
export function backtest(
  scenario: Scenario,
  onNight: (policy: string, night: string) => void = () => undefined,
): PolicyResult[] {
  onNight(CLAIRVOYANT, '');
  const clairvoyant = planClairvoyantly(scenario);
  const isImpossible = (stayId: string): boolean => clairvoyant.impossible.has(stayId);
  const lived = POLICIES.map(([name, createPolicy]) => {
    const { ledger, timer } = rollThrough(scenario, createPolicy(), isImpossible, (night) => onNight(name, night));
    return resultOf(name, ledger, timer);
  });
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
