import { compileProblem } from '../scheduler/compile.ts';
import { planningProblemSchema, type PlanningProblemInput } from '../scheduler/problem.ts';
import { seededRandom } from '../domain/random.ts';
import { randomProblem } from '../scheduler/randomProblem.ts';
import { createHeadroom } from '../scheduler/realise/headroom.ts';
import { minimumCharge } from '../scheduler/realise/placeCharge.ts';
import { createSetpoints } from '../scheduler/realise/setpoints.ts';
import { relax, type Relaxation } from '../scheduler/solve/relaxation.ts';

/** What each kind of instance puts to the test. */
export const INSTANCE_KINDS = {
  smooth: 'An ordinary night, three classes.',
  uniform: 'One overhead everywhere, nobody leaves early: the maximum flow must be exact.',
  departures: 'Cars leave early, each in its own way, and owners differ in what missing energy is worth.',
  ties: 'Prices in three steps only: many optima.',
  negative: 'Prices around 0, half of them negative.',
  infeasible: 'Feeders far too small: owners and jobs come short.',
  degenerate: 'Limits that hold exactly, whole numbers everywhere, empty windows.',
  hot: 'Around 33 °C: overhead and derating differ by slot.',
  substations: 'Feeders share substations that bind.',
  unlikeSpeeds: 'Classes whose speeds differ by job.',
} as const satisfies Record<string, string>;
export type InstanceKind = keyof typeof INSTANCE_KINDS;

/** The relaxation of a random problem of the kind; equal for equal arguments. */
export function oracleInstance(kind: InstanceKind, seed: number): Relaxation {
  const random = seededRandom(seed * 7919 + kind.length);
  const raw = randomProblem({
    cars: 4 + Math.floor(random() * 60),
    slots: 12 + Math.floor(random() * 60),
    feeders: 1 + Math.floor(random() * 4),
    jobs: Math.floor(random() * 5),
    seed,
    feederShare: kind === 'infeasible' ? 0.01 + 0.08 * random() : 0.08 + 0.4 * random(),
    meanCelsius: kind === 'hot' ? 33 : 12,
  });
  shape(kind, raw, random);
  const problem = planningProblemSchema.parse(raw);
  const compiled = compileProblem(problem);
  const layout = createSetpoints(compiled.cars);
  return relax(compiled, layout, minimumCharge(compiled, layout, createHeadroom(compiled, undefined)));
}

function shape(kind: InstanceKind, raw: PlanningProblemInput, random: () => number): void {
  switch (kind) {
    case 'smooth':
    case 'infeasible':
    case 'hot':
      return;
    case 'uniform':
      for (const region of raw.regions) region.plugKwPerChipKw = region.ambientCelsius.map(() => 1.6);
      raw.hardwareClasses = raw.hardwareClasses?.map((hardware) => ({ ...hardware, chipKw: 0.4 })) ?? [];
      for (const car of raw.cars) delete car.survival;
      for (const job of raw.jobs ?? []) for (const entry of job.classes) entry.shardMinutes = 8;
      return;
    case 'departures':
      for (const car of raw.cars) {
        const stays = 0.9 + 0.1 * random();
        car.survival = Array.from({ length: car.untilSlot - car.pluggedFromSlot }, (_, k) => stays ** k);
        car.missingEurPerKwh = 1.5 * random();
      }
      for (const job of raw.jobs ?? []) if (random() < 0.5) job.lateEurPerShard = 0.3 * random();
      return;
    case 'ties':
      for (const region of raw.regions) {
        region.priceEurPerKwh = region.priceEurPerKwh.map((price) => Math.round(price * 10) / 10);
        region.carbonGPerKwh = region.carbonGPerKwh.map(() => 300);
      }
      return;
    case 'negative':
      for (const region of raw.regions) {
        region.priceEurPerKwh = region.priceEurPerKwh.map((price) => price - 0.3 + 0.1 * random());
        region.carbonGPerKwh = region.carbonGPerKwh.map(() => 0);
      }
      return;
    case 'degenerate':
      for (const car of raw.cars) {
        car.chargerMaxKw = 4;
        car.chargerMinKw = 0;
        car.chargerEfficiency = 1;
        car.needKwh = Math.floor(random() * 6);
        car.minimumNeedKwh = 0;
        delete car.survival;
        if (random() < 0.1) car.readyBySlot = car.pluggedFromSlot;
      }
      for (const feeder of raw.feeders) {
        feeder.houseLoadKw = feeder.houseLoadKw.map(() => 0);
        feeder.importLimitKw = feeder.importLimitKw.map(() => 4 * Math.floor(random() * 4));
      }
      return;
    case 'substations':
      raw.substations = raw.regions.map((region) => ({
        id: `station-${region.id}`,
        importLimitKw: region.priceEurPerKwh.map(() => 5 + 25 * random()),
      }));
      for (const feeder of raw.feeders) feeder.substationId = `station-${feeder.regionId}`;
      return;
    case 'unlikeSpeeds':
      for (const job of raw.jobs ?? []) for (const entry of job.classes) entry.shardMinutes = 4 + 30 * random();
  }
}
