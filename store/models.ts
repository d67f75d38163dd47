import type { ModelRef } from '../domain/shards.ts';
import type { Queryable } from './database.ts';

export interface Model extends ModelRef {
  /** Inputs, outputs and processing, as the admission checked them. */
  readonly manifest: unknown;
}

const COLUMNS = 'name, version, family, sha256, manifest';

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
export async function readModel(db: Queryable, name: string, version?: string): Promise<Model | undefined> {
  const [model] = await db.query<Model>(
    `select ${COLUMNS} from models where name = $1 and ($2::text is null or version = $2)
     order by added_real_at desc, version desc limit 1`,
    [name, version ?? null],
  );
  return model;
}
