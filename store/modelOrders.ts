import { modelKey, type FetchedModel } from '../domain/modelOrders.ts';
import { cellsBeside } from './cells.ts';
import { columns, instant, only, type Queryable } from './database.ts';

/** A car is to fetch a model within these hours; grid time. */
export interface StoredModelOrder {
  readonly vehicleId: string;
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly bytes: number;
  /** For people: a roll-out, or a plan. */
  readonly reason: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Orders downloads; a car that was to fetch the model at another time does so at this one. */
export async function saveModelOrders(database: Queryable, orders: readonly StoredModelOrder[]): Promise<void> {
  if (orders.length === 0) return;
  await database.query(
    `insert into model_orders (vehicle_id, name, version, sha256, bytes, reason, from_at, until_at)
     select t.* from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
       $7::timestamptz[], $8::timestamptz[]) as t (vehicle_id, name, version, sha256, bytes, reason, from_at, until_at)
     join vehicles v on v.id = t.vehicle_id
     on conflict (vehicle_id, name, version, sha256) do update set reason = excluded.reason, from_at = excluded.from_at, until_at = excluded.until_at`,
    columns(
      orders,
      (order) => order.vehicleId,
      (order) => order.name,
      (order) => order.version,
      (order) => order.sha256,
      (order) => order.bytes,
      (order) => order.reason,
      (order) => instant(order.fromMs),
      (order) => instant(order.untilMs),
    ),
  );
}

/** Orders that are not over, of cars that have not said that they have the model; with the feeder that they load. */
export async function listOpenModelOrders(
  database: Queryable,
  nowMs: number,
): Promise<(StoredModelOrder & { readonly feederId: string })[]> {
  return database.query<StoredModelOrder & { readonly feederId: string }>(
    `select o.vehicle_id as "vehicleId", v.feeder_id as "feederId", o.name, o.version, o.sha256, o.bytes, o.reason,
       o.from_at as "fromMs", o.until_at as "untilMs"
     from model_orders o join vehicles v on v.id = o.vehicle_id
     where o.until_at > $1 and not exists (
       select 1 from car_models h where h.vehicle_id = o.vehicle_id and h.name = o.name and h.version = o.version and h.sha256 = o.sha256)
     order by o.from_at, o.vehicle_id`,
    [instant(nowMs)],
  );
}

/** Removes orders that are long over, and those for a model that nobody is to fetch any more. */
export async function removeModelOrders(
  database: Queryable,
  { name, version }: { readonly name: string; readonly version: string },
): Promise<void> {
  await database.query('delete from model_orders where name = $1 and version = $2', [name, version]);
}

/** What these cars say that they have, by car and `modelKey`. */
export async function listFetchedModels(
  database: Queryable,
  vehicleIds: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, Pick<FetchedModel, 'bytes' | 'seconds'>>>> {
  const rows = await database.query<FetchedModel & { readonly vehicleId: string }>(
    `select vehicle_id as "vehicleId", name, version, sha256, bytes::float8 as bytes, seconds
     from car_models where vehicle_id = any($1)`,
    [vehicleIds],
  );
  const cars = new Map<string, Map<string, FetchedModel>>();
  for (const { vehicleId, ...fetched } of rows) {
    const models = cars.get(vehicleId) ?? new Map<string, FetchedModel>();
    models.set(modelKey(fetched), fetched);
    cars.set(vehicleId, models);
  }
  return cars;
}

/** Notes what a car says that it has fetched. Finding it again says nothing of how fast its network is. */
export async function saveFetchedModel(
  database: Queryable,
  {
    vehicleId,
    name,
    version,
    sha256,
    bytes,
    seconds,
    atMs,
  }: FetchedModel & { readonly vehicleId: string; readonly atMs: number },
): Promise<void> {
  await database.query(
    `insert into car_models as c (vehicle_id, name, version, sha256, bytes, seconds, fetched_at)
     select id, $2, $3, $4, $5, $6, $7 from vehicles where id = $1
     on conflict (vehicle_id, name, version, sha256) do update set fetched_at = excluded.fetched_at, bytes = greatest(c.bytes, excluded.bytes),
       seconds = case when excluded.seconds > 0 then excluded.seconds else c.seconds end`,
    [vehicleId, name, version, sha256, bytes, seconds, instant(atMs)],
  );
}

/** Cars of the cell that have a retained order at the broker. */
export async function listPublishedOrders(database: Queryable, cellId: string): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `select p.vehicle_id as id from published_model_orders p join vehicles v on v.id = p.vehicle_id
       join regions r on r.id = v.region_id where r.cell_id = $1`,
    [cellId],
  );
  return rows.map(({ id }) => id);
}

export async function setOrderPublished(database: Queryable, vehicleId: string, published: boolean): Promise<void> {
  await database.query(
    published
      ? 'insert into published_model_orders (vehicle_id) values ($1) on conflict do nothing'
      : 'delete from published_model_orders where vehicle_id = $1',
    [vehicleId],
  );
}

/** How far the cars of a cell have the models of its open jobs. */
export interface ModelsOnCars {
  /** Of all files of a model, by `modelKey`. */
  readonly bytes: ReadonlyMap<string, number>;
  /** Cars that say that they have it, or that have answered with it; by `modelKey`. */
  readonly holders: ReadonlyMap<string, ReadonlySet<string>>;
  /** Of the cell's cars, the median of what downloads took, by grid time; a guess while none was seen. */
  readonly bytesPerGridSecond: number;
}

/** A mobile network by day, where nothing was measured. */
const GUESSED_BYTES_PER_SECOND = 5e6;

export async function readModelsOnCars(database: Queryable, cellId: string): Promise<ModelsOnCars> {
  const open = `select distinct p.model->>'name' as name, p.model->>'version' as version, p.model->>'sha256' as sha256
    from job_progress p where not p.finished and p.cell_id in ${cellsBeside('$1')}`;
  const models = await database.query<Pick<FetchedModel, 'name' | 'version' | 'sha256'> & { readonly bytes: number }>(
    `select o.*, coalesce(max((m.manifest->>'sizeBytes')::float8), 0) as bytes from (${open}) o
     left join models m on m.name = o.name and m.version = o.version and m.sha256 = o.sha256
     group by o.name, o.version, o.sha256`,
    [cellId],
  );
  const held = await database.query<Pick<FetchedModel, 'name' | 'version' | 'sha256'> & { readonly vehicleId: string }>(
    `with open as (${open})
     select c.vehicle_id as "vehicleId", o.* from open o
       join car_models c on c.name = o.name and c.version = o.version and c.sha256 = o.sha256
     union
     select a.vehicle_id, o.* from open o
       join job_progress p on p.model->>'name' = o.name and p.model->>'version' = o.version and p.model->>'sha256' = o.sha256
       join compute_attempts a on a.job_id = p.job_id`,
    [cellId],
  );
  const holders = new Map<string, Set<string>>();
  for (const { vehicleId, ...model } of held) {
    const key = modelKey(model);
    holders.set(key, (holders.get(key) ?? new Set()).add(vehicleId));
  }
  const { speed } = only(
    await database.query<{ speed: number }>(
      `select coalesce(percentile_cont(0.5) within group (order by c.bytes / c.seconds), ${GUESSED_BYTES_PER_SECOND})
         / max((e.clock->>'scale')::float8) as speed
       from cells e left join regions r on r.cell_id = e.id left join vehicles v on v.region_id = r.id
         left join car_models c on c.vehicle_id = v.id and c.bytes > 0 and c.seconds > 0
       where e.id = $1`,
      [cellId],
    ),
  );
  return { bytes: new Map(models.map((model) => [modelKey(model), model.bytes])), holders, bytesPerGridSecond: speed };
}
