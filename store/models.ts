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

const COLUMNS =
  'name, version, family, sha256, manifest, tenant_id as "tenantId", added_real_at as "addedRealMs", memory_mb as "memoryMb"';
/** A tenant's own model comes before the operator's of the same name. */
const OWN_AND_NEWEST_FIRST = 'tenant_id is not null desc, added_real_at desc, version desc';

/** Whose models a tenant's uploads are: those of the operator's own tenant are everyone's. */
export function modelOwner(tenantId: string): string | null {
  return tenantId === DEFAULT_TENANT ? null : tenantId;
}

/** Adds an owner's version. A version is pinned: one that exists keeps its hash. @returns whether it was added. */
export async function addModel(database: Queryable, model: Model): Promise<boolean> {
  const rows = await database.query(
    `insert into models (name, version, family, sha256, manifest, tenant_id) values ($1, $2, $3, $4, $5, $6)
     on conflict (tenant_id, name, version) do nothing returning name`,
    [model.name, model.version, model.family, model.sha256, JSON.stringify(model.manifest), model.tenantId],
  );
  return rows.length > 0;
}

/**
 * The named version that the tenant may use, or the one added last when no version is named: of its own, else of the
 * operator's.
 */
export async function readModel(
  database: Queryable,
  tenantId: string,
  name: string,
  version?: string,
): Promise<StoredModel | undefined> {
  const [model] = await database.query<StoredModel>(
    `select ${COLUMNS} from models
     where name = $1 and ($2::text is null or version = $2) and (tenant_id is null or tenant_id = $3)
     order by ${OWN_AND_NEWEST_FIRST} limit 1`,
    [name, version ?? null, tenantId],
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

/** The version of each model that the tenant's requests are answered by, by name. */
export async function listModels(database: Queryable, tenantId: string): Promise<StoredModel[]> {
  return database.query<StoredModel>(
    `select distinct on (name) ${COLUMNS} from models where tenant_id is null or tenant_id = $1
     order by name, ${OWN_AND_NEWEST_FIRST}`,
    [tenantId],
  );
}

/** Every version of every owner. */
export async function listEveryModel(database: Queryable): Promise<StoredModel[]> {
  return database.query<StoredModel>(`select ${COLUMNS} from models order by name, version`);
}

/**
 * Takes an owner's version out of the registry, unless an unfinished batch uses it, or one whose input is still being
 * read may.
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
     returning name`,
    [name, version, inferEndpoint(name), tenantId],
  );
  return rows.length > 0;
}
