import { HOUR_MS } from '../../domain/durations.ts';
import { ensureCell } from '../../store/cells.ts';
import type { Database } from '../../store/database.ts';
import { upsertJobProgress } from '../../store/jobProgress.ts';
import { upsertRegion } from '../../store/regions.ts';
import { emptyHabit, storedHabit } from '../../scheduler/habit.ts';
import { learnStay } from '../../scheduler/survival.ts';
import { REAL_TIME } from '../../domain/clock.ts';
import { localHour } from '../../domain/localHour.ts';

const SLOT_MS = HOUR_MS / 4;
const SLOTS = 96;
/** Of houses and cars together: a feeder of these is full in cheap hours, and yet all cars are ready in time. */
const FEEDER_KW_PER_CAR = 4.6;
const HOUSE_KW_PER_CAR = 0.6;
/** Jobs, and what each has to do for every car: together about a tenth of what the cars could. */
const JOBS = 5;
const SHARDS_PER_CAR = 3;
const SHARD_MS = { hw3: 900_000, ai4: 400_000, ai5: 180_000 };

/**
 * A cell with one region, open jobs and its cars at the plug in the evening, written by PostgreSQL itself, so that a large one is
 * made in seconds. Cars differ in battery, charger, computer, state of charge and ready-by by their number.
 */
export async function generateCell(
  database: Database,
  options: {
    readonly cellId: string;
    readonly cars: number;
    readonly carsPerFeeder: number;
    readonly slotStartMs: number;
  },
): Promise<void> {
  const { cellId, cars, carsPerFeeder, slotStartMs } = options;
  const regionId = `${cellId}-region`;
  const startsAt = new Date(slotStartMs);
  await ensureCell(database, { id: cellId, clock: REAL_TIME, slotMinutes: 15, incarnation: '1' });
  await upsertRegion(database, { id: regionId, cellId, timeZone: 'Europe/Berlin', feeds: {} });
  const feeders = Math.ceil(cars / carsPerFeeder);
  await database.query(
    `insert into feeders (id, region_id, fail_safe_import_kw)
     select $1 || '-feeder-' || n, $2, 5 * $4::integer from generate_series(0, $3::integer - 1) n`,
    [cellId, regionId, feeders, carsPerFeeder],
  );
  await database.query(
    `insert into vehicles (id, region_id, feeder_id, owner_id, display_name, car_model, hardware_class, battery_kwh,
       charger, policy, stays)
     select $1 || '-' || n, $2, $1 || '-feeder-' || n / $4::integer, 'owner-' || n, 'Car ' || n, 'model-y',
       (array['hw3', 'ai4', 'ai5'])[1 + n % 3], 50 + n % 30,
       jsonb_build_object('maxKw', (array[3.7, 7.4, 11])[1 + n % 3], 'minKw', 1.38, 'efficiency', 0.89),
       jsonb_build_object('readyBy', '07:00', 'timeZone', 'Europe/Berlin', 'targetSocPercent', 80,
         'minimumSocPercent', 20, 'computeSocFloorPercent', 40, 'computeOptIn', n % 5 > 0),
       1
     from generate_series(0, $3::integer - 1) n`,
    [cellId, regionId, cars, carsPerFeeder],
  );
  await database.query(
    `insert into vehicle_states (vehicle_id, fused, plugged_in, online, soc_percent, updated_at)
     select $1 || '-' || n, '{}', true, n % 3 > 0, 25 + (n * 7) % 50, $3 from generate_series(0, $2::integer - 1) n`,
    [cellId, cars, startsAt],
  );
  await database.query(
    `insert into parking_sessions (vehicle_id, stay, plugged_in_at, ready_by, target_soc_percent, arrival_soc_percent)
     select $1 || '-' || n, 1, $3::timestamptz - make_interval(mins => n % 240),
       $3::timestamptz + make_interval(mins => 480 + 15 * (n % 17)), 80, 25 + (n * 7) % 50
     from generate_series(0, $2::integer - 1) n`,
    [cellId, cars, startsAt],
  );
  const { car, site } = learnedNights(slotStartMs);
  await database.query(
    `insert into vehicle_habits (vehicle_id, habit, learned_stay)
     select $1 || '-' || n, $3::jsonb, 0 from generate_series(0, $2::integer - 1) n`,
    [cellId, cars, JSON.stringify(car)],
  );
  await database.query(
    `insert into feeder_habits (feeder_id, habit)
     select $1 || '-feeder-' || n, $3::jsonb from generate_series(0, $2::integer - 1) n`,
    [cellId, feeders, JSON.stringify(site)],
  );
  await generateSignals(database, { regionId, carsPerFeeder, slotStartMs });
  await generateJobs(database, { cellId, cars, slotStartMs });
}

async function generateJobs(
  database: Database,
  { cellId, cars, slotStartMs }: { readonly cellId: string; readonly cars: number; readonly slotStartMs: number },
): Promise<void> {
  const model = { name: 'bench', version: '1', family: 'bench', sha256: '0'.repeat(64) };
  for (const [hardwareClass, msPerUnit] of Object.entries(SHARD_MS)) {
    await database.query(
      `insert into class_speeds (model_name, model_version, hardware_class, stated_ms_per_unit)
       values ($1, $2, $3, $4) on conflict do nothing`,
      [model.name, model.version, hardwareClass, msPerUnit],
    );
  }
  await database.query(
    `insert into batches (id, endpoint, input_file_id, completion_window, status, deadline, submitted_at, request_hash)
     select $1 || '-job-' || n, '/v1/bench', 'none', '24h', 'in_progress',
       $3::timestamptz + make_interval(hours => 8 + 2 * n), $3, '' from generate_series(1, $2::integer) n`,
    [cellId, JOBS, new Date(slotStartMs)],
  );
  for (let n = 1; n <= JOBS; n++) {
    const shards = SHARDS_PER_CAR * cars;
    await upsertJobProgress(database, {
      jobId: `${cellId}-job-${n}`,
      cellId,
      model,
      shards,
      pending: shards,
      inFlight: 0,
      done: 0,
      linesPerShard: 1,
      unitsPerLine: 1,
      paused: false,
      finished: false,
    });
  }
}

async function generateSignals(
  database: Database,
  options: { readonly regionId: string; readonly carsPerFeeder: number; readonly slotStartMs: number },
): Promise<void> {
  const { regionId, carsPerFeeder, slotStartMs } = options;
  const startsAt = new Date(slotStartMs);
  const endsAt = new Date(slotStartMs + SLOTS * SLOT_MS);
  await database.query(
    `insert into signals (region_id, feeder_id, kind, starts_at, ends_at, value, unit, source, forecast, fetched_at)
     select $1, null, kind, $2::timestamptz + make_interval(hours => h), $2::timestamptz + make_interval(hours => h + 1),
       case kind when 'price' then 0.08 + 0.05 * sin(h * 0.6) when 'carbon' then 300 + 90 * cos(h * 0.5) else 6 end,
       '', 'feed', false, $2
     from generate_series(0, 23) h, unnest(array['price', 'carbon', 'temperature']) kind`,
    [regionId, startsAt],
  );
  await database.query(
    `insert into signals (region_id, feeder_id, kind, starts_at, ends_at, value, unit, source, forecast, fetched_at)
     select $1, f.id, k.kind, $2, $3, k.kw * $4::numeric, 'kW', 'feed', false, $2
     from feeders f, (values ('import_limit', $5::numeric), ('house_load', $6::numeric)) k (kind, kw)
     where f.region_id = $1`,
    [regionId, startsAt, endsAt, carsPerFeeder, FEEDER_KW_PER_CAR, HOUSE_KW_PER_CAR],
  );
}

/** What sixty nights of one car teach, as a cell stores it. */
function learnedNights(beforeMs: number) {
  let known = { car: emptyHabit(), site: emptyHabit() };
  for (let night = 60; night > 0; night--) {
    const pluggedInMs = beforeMs - night * 24 * HOUR_MS - (night % 4) * HOUR_MS;
    const unpluggedMs = pluggedInMs + (10 + (night % 5)) * HOUR_MS;
    const statedMs = pluggedInMs + 11 * HOUR_MS;
    known = learnStay({
      ...known,
      place: 'home',
      pluggedInMs,
      unpluggedMs,
      statedMs,
      localHourOf: (atMs) => localHour('UTC', atMs),
    });
  }
  return { car: storedHabit(known.car), site: storedHabit(known.site) };
}
