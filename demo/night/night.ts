import { DAY_MS, MINUTE_MS } from '../../domain/durations.ts';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { NightshiftError } from '../../domain/errors.ts';
import { issueText } from '../../domain/issueText.ts';
import type { Charger, OwnerPolicy } from '../../domain/vehicles.ts';
import { CAR_MODELS, packOf } from '../../scheduler/energy/carModels.ts';
import type { CarSpec } from '../../simulator/carSpec.ts';
import type { ScenarioCar } from '../../simulator/fleetMember.ts';
import { seededTrips, type CarScript, type PlannedTrip } from '../../simulator/mobility.ts';
import { derivedSeed } from '../../simulator/random.ts';
import { TELEMETRY_CONFIG, type TelemetryConfig } from '../../simulator/telemetry.ts';
import { Weather } from '../../simulator/weather.ts';
import { daysAfter } from './daysAfter.ts';
import { nightFileSchema, type NightCar, type NightFile, type NightRegion } from './nightFile.ts';
import { nightSignals, nightSpan, temperatures, type SignalWindow } from './signals.ts';

export const WINTER_NIGHT_FILE = fileURLToPath(new URL('./winter-night.yaml', import.meta.url));

/** How a car of the night is enrolled: the columns of `vehicles`. */
export interface EnrolledCar {
  readonly id: string;
  readonly regionId: string;
  readonly feederId: string;
  readonly ownerId: string;
  readonly displayName: string;
  readonly carModel: string;
  readonly hardwareClass: NightCar['class'];
  readonly batteryKwh: number;
  readonly charger: Charger;
  readonly policy: OwnerPolicy;
}

/** @throws NightshiftError `invalid_config` that names the file and the field. */
export async function loadNight(file: string = WINTER_NIGHT_FILE): Promise<NightFile> {
  const parsed = nightFileSchema.safeParse(parse(await readFile(file, 'utf8')));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new NightshiftError('invalid_config', `${file}: ${field}: ${issueText(issue)}`, { field });
}

export function enrolledCars(night: NightFile): EnrolledCar[] {
  return night.cars.map((car) => {
    const region = regionOf(night, car);
    return {
      id: car.vin,
      regionId: region.id,
      feederId: car.feeder,
      ownerId: car.owner,
      displayName: car.name,
      carModel: car.model,
      hardwareClass: car.class,
      batteryKwh: packOf(car.model).capacityKwh,
      charger: chargerOf(car),
      policy: {
        ...car.policy,
        timeZone: region.timeZone,
        computeOptIn: true,
        consent: { termsVersion: 'simulated owner', givenAtMs: night.start },
      },
    };
  });
}

export function scenarioCars(night: NightFile): ScenarioCar[] {
  const { startMs, endMs } = nightSpan(night);
  const lived = { startMs, endMs: endMs + night.daysAfter * DAY_MS };
  const weathers = new Map(night.regions.map((region) => [region, new Weather(temperatures(night, region, lived))]));
  return night.cars.map((car) => {
    const region = regionOf(night, car);
    const weather = weathers.get(region) ?? new Weather(temperatures(night, region, lived));
    return { spec: specOf(car, region), script: scriptOf(night, car), weather };
  });
}

export function telemetryConfig(night: NightFile): TelemetryConfig {
  return { ...TELEMETRY_CONFIG, slowIntervalMs: night.telemetryIntervalSeconds * 1000 };
}

/** Writes one JSON array of signal records per region, `<folder>/<region id>.json`, for the file feed to read. */
export async function writeSignalFiles(
  night: NightFile,
  folder: string,
  window: SignalWindow = nightSpan(night),
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const region of night.regions) {
    const file = path.join(folder, `${region.id}.json`);
    // Replaced as a whole: the feed reads it at any moment.
    await writeFile(`${file}.tmp`, JSON.stringify(nightSignals(night, region, window)), { mode: 0o600 });
    await rename(`${file}.tmp`, file);
  }
}

function specOf(car: NightCar, region: NightRegion): CarSpec {
  const pack = packOf(car.model, car.plugKw);
  return {
    vehicleId: car.vin,
    regionId: region.id,
    hardwareClass: car.class,
    pack,
    phases: CAR_MODELS[car.model].phases.value,
    chargeLimitPercent: car.policy.targetSocPercent,
    computeSocFloorPercent: car.policy.computeSocFloorPercent,
    // The least that the car takes: what nobody asked for must not surprise a feeder.
    failSafeKw: pack.minKw,
    firmware: car.firmware,
  };
}

function chargerOf(car: NightCar): Charger {
  const { maxKw, minKw, efficiency, chargeFromCelsius } = packOf(car.model, car.plugKw);
  return { maxKw, minKw, efficiency, ...(chargeFromCelsius === undefined ? {} : { chargeFromCelsius }) };
}

function scriptOf(night: NightFile, car: NightCar): CarScript {
  const inbound: PlannedTrip[] =
    car.arrives === undefined
      ? []
      : [
          {
            leavesAtMs: night.start,
            awayMinutes: (car.arrives - night.start) / MINUTE_MS,
            manner: 'gear_first',
            consumesSocPercent: 0,
          },
        ];
  const after = daysAfter(night, car);
  const outbound = (after.length === 0 ? car.trips : car.trips.slice(0, -1)).map(
    ({ leaves, waitsForComputingUntil, ...trip }) => ({
      ...trip,
      leavesAtMs: leaves,
      waitsForComputingUntilMs: waitsForComputingUntil,
    }),
  );
  return {
    drivingAtStart: car.arrives !== undefined,
    socPercentAtStart: car.socPercent,
    asleepAtStart: car.asleep,
    ignoredWakes: car.ignoredWakes,
    trips: seededTrips([...inbound, ...outbound, ...after], derivedSeed(night.seed, `${car.vin} trips`)),
    outages: car.outages.map(({ kind, start, end }) => ({ kind, startMs: start, endMs: end })),
  };
}

function regionOf(night: NightFile, car: NightCar): NightRegion {
  const region = night.regions.find(({ feeders }) => feeders.some((feeder) => feeder.id === car.feeder));
  if (region) return region;
  throw new NightshiftError('invalid_config', `car ${car.vin}: no region has the feeder ${car.feeder}`, {
    field: 'cars.feeder',
  });
}
