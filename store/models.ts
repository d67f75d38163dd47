import { inferEndpoint } from '../domain/models.ts';
import { DEFAULT_TENANT } from '../domain/apiKeys.ts';
import type { ModelRef } from '../domain/shards.ts';
import type { Queryable } from './database.ts';

export interface Model extends ModelRef {
  /** Inputs, outputs and processing, as the admission checked them. */
  readonly manifest: unknown;
  /** Whose it is; null: the operator's, which every tenant may use. */
  readonly tenantId: string | null;
}

export interface StoredModel extends Model {
  readonly addedRealMs: number;
  /** What it takes of a car's memory, MiB; null: not known, and every car has room. */
  readonly memoryMb: number | null;
}

/** A version that is being rolled out goes to the queues of the cars that have it. */
const COLUMNS = `m.name, m.version, m.sha256, m.manifest, m.tenant_id as "tenantId", m.added_real_at as "addedRealMs",
  m.memory_mb as "memoryMb",
  coalesce((select o.family from model_rollouts o where m.tenant_id is null and o.name = m.name
    and o.version = m.version and o.decided_at is null), m.family) as family`;
/**
 * A tenant's own model comes before the operator's of the same name; of the operator's versions the one that the tenant
 * is pinned to, then the one that is rolled out where that has come to the tenant, then the one that answers everyone.
 */
const ANSWERING_FIRST = `m.tenant_id is not null desc,
  m.version = (select p.version from model_pins p where p.tenant_id = $1 and p.name = m.name) desc nulls last,
  m.tenant_id is null and m.version = (select
      case when l.next_share > ${placeOf('$1', 'm.name')} then l.next_version else l.version end
    from model_latest l where l.name = m.name) desc nulls last,
  m.added_real_at desc, m.version desc`;

/** Whose models a tenant's uploads are: those of the operator's own tenant are everyone's. */
export function modelOwner(tenantId: string): string | null {
  return tenantId === DEFAULT_TENANT ? null : tenantId;
}

/** In [0, 1): whether a roll-out has come to the tenant. Always the same, so that no tenant goes back and forth. */
function placeOf(tenantId: string, name: string): string {
  return `(('x' || substr(md5(${tenantId} || '/' || ${name}), 1, 8))::bit(32)::bigint / 4294967296.0)`;
}

/**
 * Adds an owner's version. A version is pinned: one that exists keeps its hash. The first one of an operator's model
 * answers at once, later ones when they are rolled out.
 * @returns whether it was added
 */
export async function addModel(database: Queryable, model: Model): Promise<boolean> {
  if (model.tenantId === null) {
    await database.query('insert into model_latest (name, version) values ($1, $2) on conflict do nothing', [
      model.name,
      model.version,
    ]);
  }
  const rows = await database.query(
    `insert into models (name, version, family, sha256, manifest, tenant_id) values ($1, $2, $3, $4, $5, $6)
     on conflict (tenant_id, name, version) do nothing returning name`,
    [model.name, model.version, model.family, model.sha256, JSON.stringify(model.manifest), model.tenantId],
  );
  return rows.length > 0;
}

/**
 * The named version that the tenant may use, or the one that answers it when no version is named: of its own the one
 * added last, else of the operator's the one that was rolled out to it.
 */
export async function readModel(
  database: Queryable,
  tenantId: string,
  name: string,
  version?: string,
): Promise<StoredModel | undefined> {
  const [model] = await database.query<StoredModel>(
    `select ${COLUMNS} from models m
     where m.name = $2 and ($3::text is null or m.version = $3) and (m.tenant_id is null or m.tenant_id = $1)
     order by ${ANSWERING_FIRST} limit 1`,
    [tenantId, name, version ?? null],
  );
  return model;
}

/** The very version that a job was begun with, whoever owns it. */
export async function findModel(
  database: Queryable,
  { name, version, sha256 }: Pick<Model, 'name' | 'version' | 'sha256'>,
): Promise<StoredModel | undefined> {
  const [model] = await database.query<StoredModel>(
    `select ${COLUMNS} from models m where m.name = $1 and m.version = $2 and m.sha256 = $3 limit 1`,
    [name, version, sha256],
  );
  return model;
}

/** What was measured when the version was admitted. */
export async function recordModelNeeds(
  database: Queryable,
  { name, version }: Pick<Model, 'name' | 'version'>,
  needs: { readonly memoryMb: number | undefined; readonly msPerUnit: number },
): Promise<void> {
  await database.query(
    `update models set memory_mb = coalesce($3, memory_mb), probed_ms_per_unit = $4 where name = $1 and version = $2`,
    [name, version, needs.memoryMb ?? null, needs.msPerUnit],
  );
}

/** @returns real ms a unit of work that the machine took which admitted the version; undefined where nobody noted it */
export async function readProbedSpeed(
  database: Queryable,
  { name, version }: Pick<Model, 'name' | 'version'>,
): Promise<number | undefined> {
  const [model] = await database.query<{ msPerUnit: number | null }>(
    `select probed_ms_per_unit as "msPerUnit" from models where name = $1 and version = $2 limit 1`,
    [name, version],
  );
  return model?.msPerUnit ?? undefined;
}

/** The version of each model that the tenant's requests are answered by, by name. */
export async function listModels(database: Queryable, tenantId: string): Promise<StoredModel[]> {
  return database.query<StoredModel>(
    `select distinct on (m.name) ${COLUMNS} from models m where m.tenant_id is null or m.tenant_id = $1
     order by m.name, ${ANSWERING_FIRST}`,
    [tenantId],
  );
}

/** Every version of every owner. */
export async function listEveryModel(database: Queryable): Promise<StoredModel[]> {
  return database.query<StoredModel>(`select ${COLUMNS} from models m order by m.name, m.version`);
}

/**
 * Takes an owner's version out of the registry, unless an unfinished batch or a roll-out uses it, or a batch whose input
 * is still being read may.
 * Its name and version stay taken: what was published under them never changes.
 * @returns whether it was removed
 */
export async function removeModel(
  database: Queryable,
  { tenantId, name, version }: Pick<Model, 'tenantId' | 'name' | 'version'>,
): Promise<boolean> {
  const rows = await database.query(
    `delete from models where name = $1 and version = $2 and tenant_id is not distinct from $4
       and not exists (select 1 from job_progress
         where not finished and model->>'name' = $1 and model->>'version' = $2)
       and not exists (select 1 from batches
         where status = 'validating' and (endpoint not like '/v2/%' or endpoint = $3))
       and not exists (select 1 from model_rollouts
         where decided_at is null and $4::text is null and name = $1 and $2 in (version, previous_version))
     returning name`,
    [name, version, inferEndpoint(name), tenantId],
  );
  return rows.length > 0;
}

/** What each of the operator's models answers with, and what is being rolled out. */
export interface LatestModel {
  readonly name: string;
  readonly version: string;
  readonly nextVersion: string | null;
  /** Of the tenants. */
  readonly nextShare: number;
  /** Published after the one that answers, and not rolled out. */
  readonly waiting: readonly string[];
}

export async function listLatestModels(database: Queryable): Promise<LatestModel[]> {
  return database.query<LatestModel>(
    `select l.name, l.version, l.next_version as "nextVersion", l.next_share as "nextShare", array(
       select n.version from models n join models o on o.name = n.name and o.tenant_id is null and o.version = l.version
       where n.name = l.name and n.tenant_id is null and n.added_real_at > o.added_real_at
         and n.version is distinct from l.next_version order by n.added_real_at) as waiting
     from model_latest l order by l.name`,
  );
}

/** From now on the version answers this share of the tenants; the others are answered as before. */
export async function serveNextVersion(
  database: Queryable,
  { name, version, share }: { readonly name: string; readonly version: string; readonly share: number },
): Promise<void> {
  await database.query('update model_latest set next_version = $2, next_share = $3 where name = $1', [
    name,
    version,
    share,
  ]);
}

/** From now on this version answers everyone, and nothing is rolled out. */
export async function serveVersion(database: Queryable, name: string, version: string): Promise<void> {
  await database.query('update model_latest set version = $2, next_version = null, next_share = 0 where name = $1', [
    name,
    version,
  ]);
}

/** Keeps a tenant on a version of an operator's model, or no longer (null). */
export async function pinModel(
  database: Queryable,
  { tenantId, name, version }: { readonly tenantId: string; readonly name: string; readonly version: string | null },
): Promise<void> {
  if (version === null) {
    await database.query('delete from model_pins where tenant_id = $1 and name = $2', [tenantId, name]);
    return;
  }
  await database.query(
    `insert into model_pins (tenant_id, name, version) values ($1, $2, $3)
     on conflict (tenant_id, name) do update set version = excluded.version`,
    [tenantId, name, version],
  );
}
