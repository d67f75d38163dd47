import { inferEndpoint } from '../domain/models.ts';
import type { ModelRef } from '../domain/shards.ts';
import type { Queryable } from './database.ts';

export interface Model extends ModelRef {
  /** Inputs, outputs and processing, as the admission checked them. */
  readonly manifest: unknown;
}

export interface StoredModel extends Model {
  readonly addedRealMs: number;
}

const COLUMNS = 'name, version, family, sha256, manifest, added_real_at as "addedRealMs"';

/** Adds a version. A version is pinned: one that exists keeps its hash. @returns whether it was added. */
export async function addModel(db: Queryable, model: Model): Promise<boolean> {
  const rows = await db.query(
    `insert into models (name, version, family, sha256, manifest) values ($1, $2, $3, $4, $5)
     on conflict (name, version) do nothing returning name`,
    [model.name, model.version, model.family, model.sha256, JSON.stringify(model.manifest)],
  );
  return rows.length > 0;
}

/** The named version, or the one added last when no version is named. */
export async function readModel(db: Queryable, name: string, version?: string): Promise<StoredModel | undefined> {
  const [model] = await db.query<StoredModel>(
    `select ${COLUMNS} from models where name = $1 and ($2::text is null or version = $2)
     order by added_real_at desc, version desc limit 1`,
    [name, version ?? null],
  );
  return model;
}

/** The newest version of each model, by name. */
export async function listModels(db: Queryable): Promise<StoredModel[]> {
  return db.query<StoredModel>(
    `select distinct on (name) ${COLUMNS} from models order by name, added_real_at desc, version desc`,
  );
}

/**
 * Takes a version out of the registry, unless an unfinished batch uses it, or one whose input is still being read may.
 * Its name and version stay taken: what was published under them never changes.
 * @returns whether it was removed
 */
export async function removeModel(db: Queryable, name: string, version: string): Promise<boolean> {
  const rows = await db.query(
    `delete from models where name = $1 and version = $2
       and not exists (select 1 from job_progress
         where not finished and model->>'name' = $1 and model->>'version' = $2)
       and not exists (select 1 from batches
         where status = 'validating' and (endpoint not like '/v2/%' or endpoint = $3))
     returning name`,
    [name, version, inferEndpoint(name)],
  );
  return rows.length > 0;
}
