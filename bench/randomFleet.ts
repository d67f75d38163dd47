import { compileProblem, type CompiledProblem } from '../scheduler/compile.ts';
import { planningProblemSchema } from '../scheduler/problem.ts';
import { seededRandom } from '../scheduler/random.ts';
import { randomProblem } from '../scheduler/randomProblem.ts';

const SLOTS = 96;
/** Share of the chargers' power that a feeder carries. */
const FEEDER_SHARE = 0.2;

/** A fleet in columns, without a JSON object per car. */
export function randomFleet(count: number, feeders: number, seed: number): CompiledProblem {
  const random = seededRandom(seed);
  // Prices, overheads and jobs of the night come from a problem with a few cars.
  const base = compileProblem(
    planningProblemSchema.parse(randomProblem({ cars: 2, slots: SLOTS, feeders: 2, jobs: 5, seed })),
  );
  const cars = {
    count,
    feeder: Int32Array.from({ length: count }, (_, car) => car % feeders),
    hardwareClass: new Int32Array(count),
    from: new Int32Array(count),
    chargeUntil: new Int32Array(count),
    until: new Int32Array(count),
    maxKw: new Float64Array(count),
    minKw: new Float64Array(count),
    energyKwSlots: new Float64Array(count),
    minimumKwSlots: new Float64Array(count),
    efficiency: new Float64Array(count).fill(0.89),
    missingEurPerKwh: new Float64Array(count),
  };
  const chargerKw = new Float64Array(feeders);
  for (let car = 0; car < count; car++) {
    const from = Math.floor(random() * random() * SLOTS * 0.4);
    const until = SLOTS - Math.floor(random() * SLOTS * 0.35);
    const maxKw = [3.7, 7.4, 11][Math.floor(random() * 3)] ?? 11;
    cars.from[car] = from;
    cars.until[car] = until;
    cars.chargeUntil[car] = Math.max(from + 1, until - Math.floor(random() * 4));
    cars.hardwareClass[car] = Math.floor(random() * base.classes);
    cars.maxKw[car] = maxKw;
    const window = (cars.chargeUntil[car] ?? 0) - from;
    cars.energyKwSlots[car] = Math.min((8 + 22 * random()) / 0.89 / base.slotHours, 0.9 * window * maxKw);
    chargerKw[car % feeders] = (chargerKw[car % feeders] ?? 0) + maxKw;
  }
  const feederCapKw = new Float64Array(feeders * SLOTS);
  for (let cell = 0; cell < feederCapKw.length; cell++) {
    feederCapKw[cell] = (chargerKw[Math.floor(cell / SLOTS)] ?? 0) * FEEDER_SHARE * (0.9 + 0.2 * random());
  }
  return {
    ...base,
    feeders,
    substations: 0,
    regionOfFeeder: Int32Array.from({ length: feeders }, (_, feeder) => feeder % base.regions),
    substationOfFeeder: new Int32Array(feeders).fill(-1),
    feederCapKw,
    substationCapKw: new Float64Array(),
    jobs: base.jobs.map((job) => ({ ...job, shards: count * 0.6 })),
    cars: { ...cars, chargeCapKw: (car) => cars.maxKw[car] ?? 0, computeShare: () => 1, survival: () => 1 },
  };
}
