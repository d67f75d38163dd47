import type { Certificate } from '../plan.ts';
import type { PlanningProblem } from '../problem.ts';
import type { SolvedRelaxation } from '../solve/solveRelaxation.ts';
import { slotHours } from '../time.ts';

/** The solver's prices by name; limits that are worth nothing in any slot are left out, and jobs without shards. */
export function certificateOf(problem: PlanningProblem, solved: Omit<SolvedRelaxation, 'costEur'>): Certificate {
  const { count } = problem.slots;
  const hours = slotHours(problem.slots);
  const rentOf = (rents: Float64Array, row: number): { rent: number[]; oneMoreKwEur: number } => {
    const rent = [...rents.subarray(row * count, (row + 1) * count)];
    return { rent, oneMoreKwEur: rent.reduce((sum, value) => sum + value, 0) * hours };
  };
  return {
    feederRentEurPerKwh: problem.feeders
      .map((feeder, index) => ({ feederId: feeder.id, ...rentOf(solved.prices.feederRentEurPerKwh, index) }))
      .filter(({ rent }) => rent.some((value) => value > 0)),
    substationRentEurPerKwh: problem.substations
      .map((station, index) => ({
        substationId: station.id,
        ...rentOf(solved.prices.substationRentEurPerKwh, index),
      }))
      .filter(({ rent }) => rent.some((value) => value > 0)),
    jobPriceEurPerShard: problem.jobs.flatMap((job, index) => {
      const price = solved.prices.jobPriceEurPerShard[index] ?? 0;
      return job.shardsRemaining > 0 ? [{ jobId: job.id, price, remainingEur: price * job.shardsRemaining }] : [];
    }),
    lowerBoundEur: solved.lowerBoundEur,
  };
}
