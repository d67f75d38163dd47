import { simulatedClass } from '../../domain/hardwareClasses.ts';
import type { CellState } from '../../planning/cellState.ts';
import type { Vehicle } from '../../store/vehicles.ts';
import { CAR_MODELS, packOf, type CarModelName } from '../../scheduler/energy/carModels.ts';
import { initialCarState } from '../../simulator/carState.ts';
import { seededRandom, type Random } from '../../domain/random.ts';
import { SimulatedCar } from '../../simulator/vehicle.ts';
import { Weather } from '../../simulator/weather.ts';
import { cellState, HOUR_MS, span, START_MS, VEHICLE } from './cellFixture.ts';

export const SLOT_MS = 15 * 60_000;
const NIGHT_SLOTS = 40;
const CELSIUS = [-12, -5, 0, 4, 12, 24, 36] as const;
/** The night gets as much colder or warmer than at its start, and comes back. */
const SWING_CELSIUS = 5;
const MODELS = Object.keys(CAR_MODELS) as CarModelName[];
const HARDWARE = ['hw3', 'ai4', 'ai5'] as const;

export interface Stays {
  readonly state: CellState;
  readonly cars: readonly SimulatedCar[];
  readonly limitKw: number;
  readonly houseKw: number;
  readonly celsiusAt: (atMs: number) => number;
}

/** A cell of cars that are at the plug for a night, with all that a plan of it rests on, drawn from the seed. */
export function drawStays(count: number, seed: number): Stays {
  const random = seededRandom(seed);
  const celsius = pick(random, CELSIUS);
  const swingCelsius = SWING_CELSIUS * (random() < 0.5 ? -1 : 1);
  const houseKw = 10 + 10 * random();
  // From a feeder that binds to one that does not.
  const limitKw = houseKw + count * (2.5 + 5 * random());
  const draws = Array.from({ length: count }, (_, index) => drawCar(random, `CAR${index}`));
  const window = { startMs: START_MS, endMs: START_MS + NIGHT_SLOTS * SLOT_MS };
  const prices = Array.from({ length: NIGHT_SLOTS }, (_, slot) =>
    span('price', 0.02 + 0.3 * random(), {
      startMs: START_MS + slot * SLOT_MS,
      endMs: START_MS + (slot + 1) * SLOT_MS,
    }),
  );
  const temperatures = Array.from({ length: NIGHT_SLOTS / 4 }, (_, hour) =>
    span('temperature', celsius + swingCelsius * Math.sin((Math.PI * hour * 4) / NIGHT_SLOTS), {
      startMs: START_MS + hour * HOUR_MS,
      endMs: START_MS + (hour + 1) * HOUR_MS,
    }),
  );
  const base = cellState();
  const state = cellState({
    axis: { startMs: START_MS, slotMinutes: 15, count: NIGHT_SLOTS },
    signals: [
      ...prices,
      span('carbon', 300, window),
      ...temperatures,
      span('import_limit', limitKw, { ...window, feederId: 'street' }),
      span('house_load', houseKw, { ...window, feederId: 'street' }),
    ],
    vehicles: draws.map(({ vehicle }) => vehicle),
    vehicleStates: draws.map(({ vehicle, socPercent }) => ({
      vehicleId: vehicle.id,
      fused: {},
      pluggedIn: true,
      online: random() < 0.6,
      socPercent,
      updatedAtMs: START_MS,
    })),
    openSessions: draws.map(({ vehicle, socPercent, staysSlots }) => ({
      vehicleId: vehicle.id,
      stay: 1,
      pluggedInAtMs: START_MS,
      readyByMs: START_MS + staysSlots * SLOT_MS,
      targetSocPercent: vehicle.policy.targetSocPercent,
      arrivalSocPercent: socPercent,
      readyBySocPercent: null,
      unpluggedAtMs: null,
      settled: null,
    })),
    // Work that competes for the feeder makes a plan several times as dear.
    jobs:
      seed % 4 === 0
        ? base.jobs.map((job) => ({ ...job, pending: 3 * count, deadlineMs: START_MS + 9 * HOUR_MS }))
        : [],
    foreignLoadKw: new Map(),
    classSpeeds: HARDWARE.map((hardwareClass) => ({
      modelName: 'ocr',
      modelVersion: '1',
      hardwareClass,
      statedMsPerUnit: 60_000,
      measuredMsPerUnit: [],
      deviceMsPerUnit: 60_000,
    })),
  });
  const weather = new Weather(temperatures.map(({ startMs, endMs, value }) => ({ startMs, endMs, celsius: value })));
  const cars = draws.map(({ vehicle, socPercent }) => simulate(vehicle, socPercent, weather));
  return { state, cars, limitKw, houseKw, celsiusAt: (atMs) => weather.ambientC(atMs) };
}

/** The state at a later slot: SoC as the cars have it, signals from there on. */
export function stateAt(stays: Stays, slot: number, over: Partial<CellState>): CellState {
  const { state, cars } = stays;
  const axis = { ...state.axis, startMs: START_MS + slot * SLOT_MS, count: NIGHT_SLOTS - slot };
  const vehicleStates = state.vehicleStates.map((known, index) => ({
    ...known,
    socPercent: cars[index]?.state.socPercent ?? null,
  }));
  return { ...state, axis, vehicleStates, ...over };
}

function drawCar(random: Random, id: string): { vehicle: Vehicle; socPercent: number; staysSlots: number } {
  const carModel = pick(random, MODELS);
  const { capacityKwh, maxKw, minKw, efficiency } = packOf(carModel);
  const targetSocPercent = 60 + Math.round(40 * random());
  return {
    socPercent: 5 + 85 * random(),
    staysSlots: 8 + Math.floor((NIGHT_SLOTS - 8) * random()),
    vehicle: {
      ...VEHICLE,
      id,
      carModel,
      hardwareClass: pick(random, HARDWARE),
      batteryKwh: capacityKwh,
      charger: { maxKw, minKw, efficiency },
      policy: {
        ...VEHICLE.policy,
        targetSocPercent,
        minimumSocPercent: Math.min(targetSocPercent, 10 + 30 * random()),
        computeOptIn: random() < 0.8,
      },
    },
  };
}

function modelNamed(carModel: string): CarModelName {
  const name = MODELS.find((each) => each === carModel);
  if (name === undefined) throw new RangeError(`no car model is called ${carModel}`);
  return name;
}

function simulate({ id, carModel, charger, policy, hardwareClass }: Vehicle, soc: number, weather: Weather) {
  const script = { drivingAtStart: false, socPercentAtStart: soc, asleepAtStart: false, trips: [], outages: [] };
  return new SimulatedCar({
    spec: {
      vehicleId: id,
      regionId: 'berlin',
      hardwareClass: simulatedClass(hardwareClass),
      pack: packOf(modelNamed(carModel)),
      phases: 3,
      chargeLimitPercent: policy.targetSocPercent,
      computeSocFloorPercent: policy.computeSocFloorPercent,
      failSafeKw: charger.minKw,
      firmware: 'typed',
    },
    script,
    weather,
    seed: 1,
    state: initialCarState(script, START_MS),
  });
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}
