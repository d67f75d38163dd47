import { HARDWARE_CLASS_NAMES } from '../domain/hardwareClasses.ts';
import { CAR_MODELS, type CarModelName } from '../scheduler/energy/parameters.ts';
import type { CarSpec, ParkingPlace } from './carSpec.ts';
import type { Random } from './random.ts';

const MODELS = Object.keys(CAR_MODELS).filter((name): name is CarModelName => name in CAR_MODELS);
const LARGEST = MODELS.reduce((a, b) => (CAR_MODELS[a].batteryKwh >= CAR_MODELS[b].batteryKwh ? a : b));

interface DrawOptions {
  readonly vehicleId: string;
  readonly regionId: string;
  readonly place: ParkingPlace;
  /** Smallest pack that the car's stays allow, kWh; the largest model is taken when none is as large. */
  readonly leastPackKwh?: number;
}

/** A car of a model, hardware class and firmware that the random numbers choose. */
export function drawSpec(random: Random, { vehicleId, regionId, place, leastPackKwh = 0 }: DrawOptions): CarSpec {
  const fitting = MODELS.filter((name) => CAR_MODELS[name].batteryKwh >= leastPackKwh);
  const model = CAR_MODELS[fitting.length === 0 ? LARGEST : pick(random, fitting)];
  return {
    vehicleId,
    regionId,
    place,
    chargeLimitPercent: 70 + Math.round(30 * random()),
    hardwareClass: pick(random, HARDWARE_CLASS_NAMES),
    pack: {
      capacityKwh: model.batteryKwh,
      maxKw: model.acLimitKw,
      minKw: model.minChargeKw,
      efficiency: model.chargeEfficiency,
    },
    phases: model.phases,
    computeSocFloorPercent: 40,
    failSafeKw: model.minChargeKw,
    firmware: random() < 0.2 ? 'untyped' : 'typed',
  };
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}
