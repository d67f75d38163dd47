import { toCurrency } from '../domain/exchange.ts';
import { submitterPrice } from '../domain/submitterPrice.ts';
import type { JobPricing } from '../store/jobPricing.ts';
import type { OpenJob } from '../store/jobProgress.ts';
import type { CellState } from './cellState.ts';
import type { JobToPlan } from './jobToPlan.ts';
import { hardwareClassOf } from './planningClass.ts';

const MICROS = 1e6;

/**
 * EUR that are lost with a shard that is late: what its submitter would have paid for it, by the book of its batch and
 * the priority that it is served by now. Energy is counted as on the class that takes most of it, so that no class is
 * left out for a price that another's energy made.
 * @param classes how long a shard takes, by planning class
 * @returns undefined where its price is 0 or not known: it then comes before all cost
 */
export function lateEurPerShard(
  state: Pick<CellState, 'hardwareClasses'>,
  job: OpenJob,
  pricing: JobPricing | undefined,
  now: { readonly priority: number; readonly classes: JobToPlan['classes'] },
): number | undefined {
  if (!pricing) return undefined;
  const { book, unit } = pricing;
  const specs = new Map(state.hardwareClasses.map((spec) => [spec.id, spec]));
  const energyWh = now.classes.map(({ hardwareClass, shardMinutes }) => {
    const spec = specs.get(hardwareClassOf(hardwareClass));
    return spec ? ((spec.chipKw + spec.awakeKw) * 1000 * shardMinutes) / 60 : 0;
  });
  const units = job.linesPerShard * (unit === 'tokens' ? job.unitsPerLine : 1);
  const terms = { model: job.model.name, priority: now.priority, windowMs: job.deadlineMs - job.submittedAtMs };
  const work = { energyWh: Math.max(0, ...energyWh), unit, units, offPeakShare: 0 };
  const micros = submitterPrice(book, terms, work).reduce((sum, line) => sum + line.amountMicros, 0);
  return micros > 0 ? toCurrency(book, micros, 'EUR') / MICROS : undefined;
}
