import type { BatteryPack } from './battery.ts';
import type { Parameter } from './parameters.ts';

export type Chemistry = 'lfp' | 'nmc';

/** Each figure with where it comes from; `assumed` marks what no document of the maker was read for. */
export interface CarModel {
  /** Usable capacity of the pack. */
  readonly batteryKwh: Parameter;
  /** Most that the on-board charger takes at the plug. */
  readonly acLimitKw: Parameter;
  readonly phases: Parameter<1 | 3>;
  /** Wall to battery. */
  readonly chargeEfficiency: Parameter;
  readonly chemistry: Parameter<Chemistry>;
}

/** 6 A, below which IEC 61851 lets a car draw nothing. */
const MIN_CHARGE_KW = { 1: 1.38, 3: 4.14 } as const;

/** Cell temperature below which a chemistry must not be charged; undefined where only the power falls with the cold. */
const CHARGE_FROM_CELSIUS: Readonly<Record<Chemistry, Parameter | undefined>> = {
  lfp: { value: 0, source: 'published limit of LFP cells: no charge below 0 C at the cell' },
  nmc: undefined,
};

const EV2GYM = 'EV2Gym vehicle specifications';
const AVERAGE_EFFICIENCY = { value: 0.89, source: 'published average of AC charging tests' };
const MODEL_3_EFFICIENCY = { value: 0.9, source: 'published Model 3 tests, three phases at 10 to 16 A' };

/** Keys are what `vehicles.car_model` holds. */
export const CAR_MODELS = {
  'model-3': carModel(57.5, 11, 3, 'lfp', MODEL_3_EFFICIENCY),
  'model-y': carModel(57.5, 11, 3, 'lfp'),
  niro: carModel(64.8, 11, 3, 'nmc'),
  'id-3': carModel(58, 11, 3, 'nmc'),
  enyaq: carModel(58, 11, 3, 'nmc'),
  kona: carModel(64, 11, 3, 'nmc'),
  'e-208': carModel(46.3, 7.4, 1, 'nmc'),
  'id-4': carModel(77, 11, 3, 'nmc'),
} as const satisfies Record<string, CarModel>;
export type CarModelName = keyof typeof CAR_MODELS;

/** The pack of a car model at its usual plug. */
export function packOf(name: CarModelName, plugKw = Infinity): BatteryPack {
  const { batteryKwh, acLimitKw, phases, chargeEfficiency } = CAR_MODELS[name];
  return {
    capacityKwh: batteryKwh.value,
    maxKw: Math.min(acLimitKw.value, plugKw),
    minKw: MIN_CHARGE_KW[phases.value],
    efficiency: chargeEfficiency.value,
    chargeFromCelsius: chargeFromCelsiusOf(name),
  };
}

/**
 * Cell temperature below which a car must not be charged; undefined where there is none or the model is not known. A
 * limit taken on suspicion would leave owners without charge, and a car that has one refuses by itself.
 */
export function chargeFromCelsiusOf(carModel: string): number | undefined {
  const known: Readonly<Record<string, CarModel>> = CAR_MODELS;
  const model = Object.hasOwn(known, carModel) ? known[carModel] : undefined;
  return model && CHARGE_FROM_CELSIUS[model.chemistry.value]?.value;
}

function carModel(
  batteryKwh: number,
  acLimitKw: number,
  phases: 1 | 3,
  chemistry: Chemistry,
  chargeEfficiency: Parameter = AVERAGE_EFFICIENCY,
): CarModel {
  return {
    batteryKwh: { value: batteryKwh, source: EV2GYM },
    acLimitKw: { value: acLimitKw, source: EV2GYM },
    phases: { value: phases, source: EV2GYM },
    chargeEfficiency,
    chemistry: { value: chemistry, source: 'commonly reported of packs of this size', assumed: true },
  };
}
