import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { nextReadyByMs } from '../../../domain/readyBy.ts';
import { chargerSchema, ownerPolicySchema } from '../../../domain/vehicles.ts';
import { initialCarState } from '../../../simulator/carState.ts';
import type { ScenarioCar } from '../../../simulator/fleetMember.ts';
import {
  enrolledCars,
  loadNight,
  scenarioCars,
  WINTER_NIGHT_FILE,
  writeSignalFiles,
} from '../../../demo/night/night.ts';
import type { NightFile } from '../../../demo/night/nightFile.ts';
import { nightSignals, type SignalRecord, type SignalSeries } from '../../../demo/night/signals.ts';
import { GRID_SECONDS_PER_LINE } from '../../../simulator/pacing.ts';
import { SimulatedCar } from '../../../simulator/vehicle.ts';

const SLOT_MS = 15 * 60_000;

let night: NightFile;
let chargedOnArrival: readonly Driven[];
beforeAll(async () => {
  night = await loadNight();
  chargedOnArrival = driveThrough(night);
});

interface Driven {
  readonly vehicleId: string;
  readonly feederId: string;
  readonly readyByMs: number;
  readonly targetSocPercent: number;
  readonly car: SimulatedCar;
  readonly pluggedInSlots: number[];
  readyBySocPercent: number | undefined;
}

/** The night with every car charged on arrival, first come first served, under the feeders' limits. */
function driveThrough(night: NightFile): Driven[] {
  const enrolled = enrolledCars(night);
  const cars = scenarioCars(night).map((scenarioCar) => createDriven(night, scenarioCar, enrolled));
  const feeders = night.regions.flatMap((region) => {
    const records = nightSignals(night, region);
    return region.feeders.map(({ id }) => ({ id, records: records.filter(({ feederId }) => feederId === id) }));
  });
  for (let slotMs = night.start; slotMs < night.end; slotMs += SLOT_MS) {
    const freeKw = new Map(feeders.map(({ id, records }) => [id, availableKw(records, slotMs)]));
    for (const driven of cars.filter(({ car }) => car.pluggedIn)) {
      driven.pluggedInSlots.push(slotMs);
      const { maxKw, minKw } = driven.car.spec.pack;
      const offeredKw = Math.min(maxKw, freeKw.get(driven.feederId) ?? 0);
      const chargeKw = offeredKw >= minKw && !driven.car.full ? offeredKw : 0;
      freeKw.set(driven.feederId, (freeKw.get(driven.feederId) ?? 0) - chargeKw);
      const interval = { startMs: slotMs, endMs: slotMs + SLOT_MS, chargeKw, computeKw: 0 };
      driven.car.follow({ planId: String(slotMs), issuedAtMs: slotMs, intervals: [interval] });
    }
    for (const driven of cars) {
      const { car, readyByMs } = driven;
      if (slotMs < readyByMs && readyByMs <= slotMs + SLOT_MS) {
        car.advanceTo(readyByMs);
        driven.readyBySocPercent = car.pluggedIn ? car.state.socPercent : undefined;
      }
      car.advanceTo(slotMs + SLOT_MS);
    }
  }
  return cars;
}

function createDriven(night: NightFile, scenarioCar: ScenarioCar, enrolled: ReturnType<typeof enrolledCars>): Driven {
  const { vehicleId } = scenarioCar.spec;
  const vehicle = enrolled.find(({ id }) => id === vehicleId);
  if (!vehicle) throw new Error(`${vehicleId} is not enrolled`);
  return {
    vehicleId,
    feederId: vehicle.feederId,
    readyByMs: nextReadyByMs(vehicle.policy, night.start),
    targetSocPercent: vehicle.policy.targetSocPercent,
    car: new SimulatedCar({ ...scenarioCar, seed: 1, state: initialCarState(scenarioCar.script, night.start) }),
    pluggedInSlots: [],
    readyBySocPercent: undefined,
  };
}

/** Limit less house load; of several limits the newest revision. */
function availableKw(records: readonly SignalRecord[], atMs: number): number {
  const start = new Date(atMs).toISOString();
  const newest = (series: SignalSeries): number =>
    records
      .filter((record) => record.series === series && record.start === start)
      .toSorted((a, b) => b.revision - a.revision)[0]?.value ?? 0;
  return newest('import_limit') - newest('house_load');
}

describe('the scripted night', () => {
  test('has thirteen cars of three classes in three regions of different zones', () => {
    const cars = enrolledCars(night);
    expect(cars).toHaveLength(13);
    expect(new Set(cars.map(({ id }) => id)).size).toBe(13);
    expect(new Set(cars.map(({ hardwareClass }) => hardwareClass))).toEqual(new Set(['hw3', 'ai4', 'ai5']));
    expect(new Set(cars.map(({ policy }) => policy.timeZone))).toEqual(
      new Set(['Europe/Berlin', 'Europe/Lisbon', 'Australia/Adelaide']),
    );
    for (const car of cars) {
      expect(ownerPolicySchema.parse(car.policy)).toEqual(car.policy);
      expect(chargerSchema.parse(car.charger)).toEqual(car.charger);
    }
  });

  test('every ready-by can be kept under the feeders’ limits, and every owner is there for it', () => {
    for (const { vehicleId, readyBySocPercent, targetSocPercent, readyByMs } of chargedOnArrival) {
      expect(readyByMs, vehicleId).toBeLessThan(night.end);
      expect(readyBySocPercent, vehicleId).toBeGreaterThan(targetSocPercent - 0.1);
    }
  });

  test('the fleet could compute the batch one and a half times over before its deadline', () => {
    const lines = chargedOnArrival.flatMap(({ car, pluggedInSlots }) =>
      pluggedInSlots
        .filter((slotMs) => slotMs < night.batch.deadline)
        .map(() => SLOT_MS / 1000 / GRID_SECONDS_PER_LINE[car.spec.hardwareClass]),
    );
    expect(lines.reduce((sum, inSlot) => sum + inSlot, 0)).toBeGreaterThan(1.5 * night.batch.requests);
  });

  test('at scale 240 the whole fleet needs well below one core', () => {
    const linesPerRealSecond = night.cars.reduce((sum, car) => sum + 240 / GRID_SECONDS_PER_LINE[car.class], 0);
    expect(linesPerRealSecond).toBeLessThanOrEqual(25);
  });

  test('what cars charge with when nobody says anything fits into each feeder’s fail-safe limit', () => {
    for (const feeder of night.regions.flatMap(({ feeders }) => feeders)) {
      const cars = scenarioCars(night).filter(
        ({ spec }) => night.cars.find(({ vin }) => vin === spec.vehicleId)?.feeder === feeder.id,
      );
      const failSafeKw = cars.reduce((sum, { spec }) => sum + spec.failSafeKw, 0);
      expect(Math.max(...feeder.houseLoadKw) + failSafeKw, feeder.id).toBeLessThanOrEqual(feeder.failSafeImportKw);
    }
  });
});

describe('signals', () => {
  test('cover the night and the hours that planning looks back and ahead, without gaps, per series', () => {
    for (const region of night.regions) {
      const series = new Map<string, SignalRecord[]>();
      for (const record of nightSignals(night, region).filter(({ revision }) => revision === 1)) {
        const name = `${record.series} ${record.feederId ?? ''}`;
        series.set(name, [...(series.get(name) ?? []), record]);
      }
      expect(series.size).toBe(3 + 2 * region.feeders.length);
      for (const spans of series.values()) {
        expect(Date.parse(spans[0]?.start ?? '')).toBeLessThanOrEqual(night.start - 12 * 3_600_000);
        expect(Date.parse(spans.at(-1)?.end ?? '')).toBeGreaterThanOrEqual(night.end + 24 * 3_600_000);
        for (const [index, { start }] of spans.entries()) {
          if (index > 0) expect(start).toBe(spans[index - 1]?.end);
        }
      }
    }
  });

  test('are served as one file per region', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-signals-'));
    await writeSignalFiles(night, folder);
    for (const region of night.regions) {
      const text = await readFile(path.join(folder, `${region.id}.json`), 'utf8');
      expect(JSON.parse(text)).toEqual(nightSignals(night, region));
    }
    await rm(folder, { recursive: true });
  });

  test('carbon says that it is an average', () => {
    for (const region of night.regions) {
      const carbon = nightSignals(night, region).filter(({ series }) => series === 'carbon');
      expect(new Set(carbon.map(({ kind }) => kind))).toEqual(new Set(['average']));
    }
  });

  test('one limit tightens in the night, and nobody knows before', () => {
    const later = night.regions.flatMap((region) => nightSignals(night, region)).filter(({ revision }) => revision > 1);
    expect(later).toHaveLength(8);
    expect(new Set(later.map(({ value }) => value))).toEqual(new Set([15]));
    expect(new Set(later.map(({ generatedAt }) => generatedAt))).toEqual(new Set(['2026-01-15T00:20:00.000Z']));
  });

  test('the same seed makes the same signals', () => {
    const [region] = night.regions;
    if (!region) throw new Error('no region');
    expect(nightSignals(night, region)).toEqual(nightSignals(night, region));
    expect(nightSignals({ ...night, seed: 1 }, region)).not.toEqual(nightSignals(night, region));
  });
});

test('a field that is out of its limits is named', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'nightshift-night-'));
  const file = path.join(folder, 'night.yaml');
  const text = await readFile(WINTER_NIGHT_FILE, 'utf8');
  await writeFile(file, text.replace('class: hw3', 'class: hw9'));
  await expect(loadNight(file)).rejects.toMatchObject({ code: 'invalid_config', field: 'cars.0.class' });
  await rm(folder, { recursive: true });
});
