/**
 * The figures of the power and heat model, each with where it comes from; what differs by car model is in carModels.ts.
 * The planner and the simulator use these and no others. `assumed` marks what no maker or measurement confirms: it is a default to be replaced, not a fact.
 */
export interface Parameter<Value = number> {
  readonly value: Value;
  readonly source: string;
  readonly assumed?: true;
}

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
