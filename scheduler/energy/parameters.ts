/**
 * The figures of the power and heat model, each with where it comes from. The planner and the simulator use these and
 * no others. `assumed` marks what no maker or measurement confirms: it is a default to be replaced, not a fact.
 */
export interface Parameter {
  readonly value: number;
  readonly source: string;
  readonly assumed?: true;
}

export interface CarModel {
  /** Usable capacity of the pack. */
  readonly batteryKwh: number;
  /** Most that the on-board charger takes at the plug. */
  readonly acLimitKw: number;
  readonly phases: 1 | 3;
  /** 6 A, below which IEC 61851 lets a car draw nothing: 1.38 kW on one phase, 4.14 kW on three. */
  readonly minChargeKw: number;
  /** Wall to battery. */
  readonly chargeEfficiency: number;
  readonly source: string;
}

const MIN_CHARGE_KW = { 1: 1.38, 3: 4.14 } as const;
const EV2GYM = 'EV2Gym vehicle specifications; efficiency: published average of AC charging tests';

/** Keys are what `vehicles.car_model` holds. */
export const CAR_MODELS = {
  'model-3': {
    batteryKwh: 57.5,
    acLimitKw: 11,
    phases: 3,
    minChargeKw: MIN_CHARGE_KW[3],
    chargeEfficiency: 0.9,
    source: 'EV2Gym vehicle specifications; efficiency: published Model 3 tests, three phases at 10 to 16 A',
  },
  'model-y': carModel(57.5, 11, 3),
  niro: carModel(64.8, 11, 3),
  'id-3': carModel(58, 11, 3),
  enyaq: carModel(58, 11, 3),
  kona: carModel(64, 11, 3),
  'e-208': carModel(46.3, 7.4, 1),
  'id-4': carModel(77, 11, 3),
} as const satisfies Record<string, CarModel>;
export type CarModelName = keyof typeof CAR_MODELS;

export const ENERGY_PARAMETERS = {
  /** SoC in percent up to which the pack takes full power; from there power falls linearly towards 0 at 100 %. */
  taperStartSocPercent: { value: 80, source: 'ACN-Sim, Linear2StageBattery' },
  /** Share of full power that the taper never falls below, so that 100 % is reached in finite time. */
  taperFloor: { value: 0.05, source: 'end-of-charge cut-off of about C/20', assumed: true },
  /** From this ambient temperature down, the cold lowers charge power linearly. */
  coldStartC: { value: 5, source: 'published cold-weather charging tests; straight line between them', assumed: true },
  coldEndC: { value: -10, source: 'as coldStartC', assumed: true },
  coldEndFactor: { value: 0.85, source: 'as coldStartC', assumed: true },
  /** What one wake-up by the maker's API costs in fees. */
  wakeCostEur: { value: 0.02, source: 'Tesla Fleet API: 50 wakes for 1 USD, taken as 1 EUR' },
  /** What a car draws beside its computer for being awake. */
  awakeKw: { value: 0.25, source: 'owners measured 0.21 to 0.315 kW' },
  /** Wall to the low-voltage side that computer, cooling and awake load run on. */
  wallToLoadEfficiency: { value: 0.88, source: 'on-board charger and DC/DC converter in series', assumed: true },
  copMild: { value: 4, source: 'typical vapour-compression loop at 20 C and below', assumed: true },
  copWarm: { value: 3, source: 'typical vapour-compression loop at 30 C', assumed: true },
  copHot: { value: 1.8, source: 'measured on an automotive loop at 45 C' },
  /** Computing slows from here. */
  derateStartC: { value: 30, source: 'chosen by us; the true limit is not published', assumed: true },
  /** Share of full computing power that is left at `computeStopC`. */
  derateEndFactor: { value: 0.5, source: 'chosen by us', assumed: true },
  /** No computing is started at or above this. */
  computeStartBelowC: { value: 38, source: 'chosen by us; the true limit is not published', assumed: true },
  /** Computing stops above this. */
  computeStopC: { value: 40, source: 'chosen by us; the true limit is not published', assumed: true },
} as const satisfies Record<string, Parameter>;

function carModel(batteryKwh: number, acLimitKw: number, phases: 1 | 3): CarModel {
  return {
    batteryKwh,
    acLimitKw,
    phases,
    minChargeKw: MIN_CHARGE_KW[phases],
    chargeEfficiency: 0.89,
    source: EV2GYM,
  };
}
