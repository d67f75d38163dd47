/**
 * The planner's optimum and bound against HiGHS (ipm) on random instances of every kind.
 *   npx tsx bench/planner-vs-highs.ts [instances per kind, default 30]
 * Exit code 1 when an instance differs by more than 1e-6 relative, or its bound does not hold.
 */
import { solveRelaxation } from '../scheduler/solve/solveRelaxation.ts';
import { createOracle } from './highsOracle.ts';
import { INSTANCE_KINDS, oracleInstance, type InstanceKind } from './oracleInstances.ts';

const perKind = Number(process.argv[2] ?? 30);
const tolerance = 1e-6;
const oracle = await createOracle();
const rows = [];
let failures = 0;
for (const kind of Object.keys(INSTANCE_KINDS).filter((name): name is InstanceKind => name in INSTANCE_KINDS)) {
  let worstDifference = 0;
  let worstGap = 0;
  let planMs = 0;
  let highsMs = 0;
  const methods = new Map<string, number>();
  for (let seed = 1; seed <= perKind; seed++) {
    const relaxation = oracleInstance(kind, seed);
    const startedMs = performance.now();
    const solved = solveRelaxation(relaxation);
    planMs += performance.now() - startedMs;
    const reference = oracle(relaxation);
    highsMs += reference.solveMs;
    const scale = 1 + Math.abs(reference.costEur);
    const difference = Math.abs(solved.costEur - reference.costEur) / scale;
    const gap = (solved.costEur - solved.lowerBoundEur) / scale;
    if (difference > tolerance || gap > tolerance || gap < -tolerance) {
      failures++;
      console.error(`${kind} ${seed}: ${solved.method} ${solved.costEur} against ${reference.costEur}, gap ${gap}`);
    }
    worstDifference = Math.max(worstDifference, difference);
    worstGap = Math.max(worstGap, Math.abs(gap));
    methods.set(solved.method, (methods.get(solved.method) ?? 0) + 1);
  }
  rows.push({
    kind,
    instances: perKind,
    methods: [...methods].map(([method, count]) => `${method} ${count}`).join(', '),
    worstDifference: worstDifference.toExponential(1),
    worstGap: worstGap.toExponential(1),
    planMs: Math.round(planMs),
    highsMs: Math.round(highsMs),
  });
}
console.table(rows);
if (failures > 0) process.exitCode = 1;
