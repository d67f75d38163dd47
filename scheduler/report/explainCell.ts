import type { PlanningProblem } from '../problem.ts';
import { reason, type PlanReason } from '../reasons.ts';

/** Fallbacks and emergencies that shape the whole plan. */
export function explainCell(problem: PlanningProblem): PlanReason[] {
  const reasons = problem.regions.flatMap((region) => region.fallbacks);
  for (const place of [...problem.feeders, ...problem.substations]) {
    const unknown = place.importLimitKw.flatMap((kw, slot) => (kw === null ? [slot] : []));
    const [first] = unknown;
    if (first !== undefined) {
      reasons.push(
        reason('import_limit_fail_safe', {
          value: unknown.length,
          limit: place.failSafeImportKw,
          unit: 'kW',
          slot: first,
          text: `The import limit of ${place.id} is unknown in ${unknown.length} slots, so its fail-safe of ${place.failSafeImportKw} kW holds there.`,
        }),
      );
    }
  }
  for (const feeder of problem.feeders) {
    const limitKw = feeder.importLimitKw[0] ?? feeder.failSafeImportKw;
    const houseKw = feeder.houseLoadKw[0] ?? 0;
    if (limitKw < houseKw) {
      const text = `${feeder.id}: houses draw ${houseKw.toFixed(1)} kW of a limit of ${limitKw.toFixed(1)} kW, so cars draw nothing now.`;
      reasons.push(reason('emergency_limit', { value: houseKw, limit: limitKw, unit: 'kW', text }));
    }
  }
  return reasons;
}
