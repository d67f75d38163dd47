import { SIMULATED_CLASSES } from '../domain/hardwareClasses.ts';
import { CAR_MODELS, packOf, type CarModelName } from '../scheduler/energy/carModels.ts';
import type { Random } from '../domain/random.ts';
import type { CarSpec, ParkingPlace } from './carSpec.ts';

const MODELS = Object.keys(CAR_MODELS).filter((name): name is CarModelName => name in CAR_MODELS);
const LARGEST = MODELS.reduce((a, b) => (CAR_MODELS[a].batteryKwh.value >= CAR_MODELS[b].batteryKwh.value ? a : b));

interface DrawOptions {
  readonly vehicleId: string;
  readonly regionId: string;
  readonly place: ParkingPlace;
  /** Smallest pack that the car's stays allow, kWh; the largest model is taken when none is as large. */
  readonly leastPackKwh?: number;
}

/** A car of a model, hardware class and firmware that the random numbers choose. */
export function drawSpec(random: Random, { vehicleId, regionId, place, leastPackKwh = 0 }: DrawOptions): CarSpec {
  const fitting = MODELS.filter((name) => CAR_MODELS[name].batteryKwh.value >= leastPackKwh);
  const name = fitting.length === 0 ? LARGEST : pick(random, fitting);
  const pack = packOf(name);
  return {
    vehicleId,
    regionId,
    place,
    chargeLimitPercent: 70 + Math.round(30 * random()),
    hardwareClass: pick(random, SIMULATED_CLASSES),
    pack,
    phases: CAR_MODELS[name].phases.value,
    computeSocFloorPercent: 40,
    failSafeKw: pack.minKw,
    firmware: random() < 0.2 ? 'untyped' : 'typed',
  };
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}
