import { HARDWARE_CLASSES, SIMULATED_CLASSES } from '../../domain/hardwareClasses.ts';
import type { CellState } from '../../planning/cellState.ts';
import { lookupOf } from '../../planning/cellLookup.ts';
import { planningCar } from '../../planning/fleetProblem.ts';
import { earlyProblem, partsOfCell } from '../../planning/planningProblem.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import type { SignalSpan } from '../../store/signals.ts';
import type { Vehicle } from '../../store/vehicles.ts';

export const START_MS = Date.UTC(2026, 0, 14, 20);
export const HOUR_MS = 3_600_000;

export function span(kind: SignalSpan['kind'], value: number, over: Partial<SignalSpan> = {}): SignalSpan {
  return {
    regionId: 'berlin',
    feederId: null,
    kind,
    startMs: START_MS,
    endMs: START_MS + 4 * HOUR_MS,
    value,
    unit: '',
    source: 'feed',
    forecast: false,
    fetchedAtMs: START_MS,
    ...over,
  };
}

export const VEHICLE: Vehicle = {
  id: 'CAR1',
  kind: 'car',
  regionId: 'berlin',
  feederId: 'street',
  ownerId: 'ada',
  displayName: 'Ada’s car',
  carModel: 'model-3',
  hardwareClass: 'ai4',
  modelFamilies: ['general'],
  batteryKwh: 50,
  charger: { maxKw: 11, minKw: 1.38, efficiency: 0.9 },
  policy: {
    readyBy: '07:00',
    timeZone: 'Europe/Berlin',
    targetSocPercent: 80,
    minimumSocPercent: 30,
    computeSocFloorPercent: 40,
    computeOptIn: true,
  },
};

const CLASSES: CellState['hardwareClasses'] = SIMULATED_CLASSES.map((id) => ({
  id,
  chipKw: HARDWARE_CLASSES[id].chipKw,
  awakeKw: 0.25,
  cooling: 'car_loop',
  providers: ['cpu'],
  probeGflops: null,
  memoryMb: null,
  source: 'test',
  assumed: true,
}));

/** One region, one feeder and one car at the plug at 20 %, for 16 slots; parts can be replaced. */
export function cellState(over: Partial<CellState> = {}): CellState {
  return {
    axis: { startMs: START_MS, slotMinutes: 15, count: 16 },
    regions: [{ id: 'berlin', cellId: 'cell', timeZone: 'Europe/Berlin', feeds: [] }],
    feeders: [{ id: 'street', regionId: 'berlin', failSafeImportKw: 6 }],
    signals: [
      span('price', 0.1),
      span('carbon', 300),
      span('temperature', 5),
      span('import_limit', 20, { feederId: 'street' }),
      span('house_load', 4, { feederId: 'street' }),
    ],
    hardwareClasses: CLASSES,
    vehicles: [VEHICLE],
    vehicleStates: [
      { vehicleId: 'CAR1', fused: {}, pluggedIn: true, online: true, socPercent: 20, updatedAtMs: START_MS },
    ],
    distrusted: new Set(),
    habits: { cars: new Map(), feeders: new Map() },
    wakes: [],
    chargeCycles: [],
    openSessions: [
      {
        vehicleId: 'CAR1',
        stay: 1,
        pluggedInAtMs: START_MS,
        readyByMs: START_MS + 3 * HOUR_MS,
        targetSocPercent: 80,
        arrivalSocPercent: 20,
        readyBySocPercent: null,
        unpluggedAtMs: null,
        settled: null,
      },
    ],
    arrivals: [],
    jobs: [
      {
        jobId: 'batch_1',
        cellId: 'cell',
        model: { name: 'ocr', version: '1', family: 'ocr', sha256: '' },
        shards: 10,
        pending: 6,
        inFlight: 2,
        shardsHere: 8,
        done: 2,
        linesPerShard: 8,
        unitsPerLine: 1,
        paused: false,
        finished: false,
        deadlineMs: START_MS + 2 * HOUR_MS,
        submittedAtMs: START_MS,
        metadata: null,
      },
    ],
    jobPricing: new Map(),
    rolloutFamilies: new Map(),
    modelsOnCars: { bytes: new Map(), holders: new Map(), bytesPerGridSecond: 20e6 },
    foreignLoadKw: new Map(),
    classSpeeds: [
      {
        modelName: 'ocr',
        modelVersion: '1',
        hardwareClass: 'ai4',
        statedMsPerUnit: 60_000,
        measuredMsPerUnit: [],
        deviceMsPerUnit: 60_000,
      },
    ],
    previous: undefined,
    ...over,
  };
}

const MISSING_EUR_PER_KWH = 0.6;

export function problemOf(state: CellState, carbonEurPerKg = 0): PlanningProblem {
  return earlyProblem(partsOfCell(state, { carbonEurPerKg, missingEurPerKwh: MISSING_EUR_PER_KWH })).early;
}

/** The car of the state's first open stay. */
export function firstCar(state: CellState): ReturnType<typeof planningCar> {
  const [session] = state.openSessions;
  return session && planningCar(lookupOf(state), session, MISSING_EUR_PER_KWH);
}
