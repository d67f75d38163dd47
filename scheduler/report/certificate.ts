import type { Certificate } from '../plan.ts';
import type { PlanningProblem } from '../problem.ts';
import type { SolvedRelaxation } from '../solve/solveRelaxation.ts';

/** The solver's prices by name; limits that are worth nothing in any slot are left out. */
export function certificateOf(problem: PlanningProblem, solved: SolvedRelaxation): Certificate {
  const { slots } = { slots: problem.slots.count };
  const rentOf = (rents: Float64Array, row: number): number[] => [...rents.subarray(row * slots, (row + 1) * slots)];
  return {
    feederRentEurPerKwh: problem.feeders
      .map((feeder, index) => ({
        feederId: feeder.id,
        rent: rentOf(solved.prices.feederRentEurPerKwh, index),
      }))
      .filter(({ rent }) => rent.some((value) => value > 0)),
    substationRentEurPerKwh: problem.substations
      .map((substation, index) => ({
        substationId: substation.id,
        rent: rentOf(solved.prices.substationRentEurPerKwh, index),
      }))
      .filter(({ rent }) => rent.some((value) => value > 0)),
    jobPriceEurPerShard: problem.jobs.map((job, index) => ({
      jobId: job.id,
      price: solved.prices.jobPriceEurPerShard[index] ?? 0,
    })),
    lowerBoundEur: solved.lowerBoundEur,
    relaxedEur: solved.costEur,
  };
}
