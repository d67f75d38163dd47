import { DEFAULT_FEEDER_SUPPLY, type FeederSupply } from '../domain/feederSupply.ts';
import type { Site } from '../domain/site.ts';
import type { Queryable } from './database.ts';

export interface Feeder {
  readonly id: string;
  readonly regionId: string;
  /** The limit while no import limit is known: an expired limit never means "unlimited". */
  readonly failSafeImportKw: number;
}

/** Stores a feeder; what is left out of its supply has its default. */
export async function upsertFeeder(
  database: Queryable,
  feeder: Feeder & { readonly [Key in keyof FeederSupply]?: FeederSupply[Key] | undefined } & {
    /** Where the plugs of its cars are, unless a car says otherwise. */
    readonly site?: Site | undefined;
  },
): Promise<void> {
  const { id, regionId, failSafeImportKw } = feeder;
  const { phaseVoltageV, phases, powerFactor } = DEFAULT_FEEDER_SUPPLY;
  await database.query(
    `insert into feeders (id, region_id, fail_safe_import_kw, phase_voltage_v, phases, power_factor, site)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (id) do update set region_id = excluded.region_id, fail_safe_import_kw = excluded.fail_safe_import_kw,
       phase_voltage_v = excluded.phase_voltage_v, phases = excluded.phases, power_factor = excluded.power_factor,
       site = excluded.site`,
    [
      id,
      regionId,
      failSafeImportKw,
      feeder.phaseVoltageV ?? phaseVoltageV,
      feeder.phases ?? phases,
      feeder.powerFactor ?? powerFactor,
      feeder.site ? JSON.stringify(feeder.site) : null,
    ],
  );
}

/** What each feeder of a cell is supplied with, by its id. */
export async function listFeederSupplies(database: Queryable, cellId: string): Promise<Map<string, FeederSupply>> {
  const rows = await database.query<FeederSupply & { readonly id: string }>(
    `select f.id, f.phase_voltage_v as "phaseVoltageV", f.phases, f.power_factor as "powerFactor"
     from feeders f join regions r on r.id = f.region_id where r.cell_id = $1`,
    [cellId],
  );
  return new Map(rows.map(({ id, ...supply }) => [id, supply]));
}

export async function listFeeders(database: Queryable, cellId: string): Promise<Feeder[]> {
  return database.query<Feeder>(
    `select f.id, f.region_id as "regionId", f.fail_safe_import_kw as "failSafeImportKw"
     from feeders f join regions r on r.id = f.region_id where r.cell_id = $1 order by f.id`,
    [cellId],
  );
}

export async function listRegionFeeders(database: Queryable, regionId: string): Promise<Feeder[]> {
  return database.query<Feeder>(
    `select id, region_id as "regionId", fail_safe_import_kw as "failSafeImportKw"
     from feeders where region_id = $1 order by id`,
    [regionId],
  );
}
