import type { Database, Queryable } from './database.ts';
import type { ObjectStore } from './objectStore.ts';

/** Notes objects that nothing names now, and forgets notes of those that are named again or gone. */
export async function noteOrphans(database: Queryable, keys: readonly string[]): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query('delete from orphaned_objects where not (object_key = any($1))', [keys]);
    await tx.query(
      `insert into orphaned_objects (object_key) select * from unnest($1::text[]) on conflict (object_key) do nothing`,
      [keys],
    );
  });
}

/**
 * Removes objects that nothing has named for `keptRealMs`.
 * @param limit at one go
 * @returns how many
 */
export async function removeOrphans(
  database: Queryable,
  objects: Pick<ObjectStore, 'delete'>,
  keptRealMs: number,
  limit: number,
): Promise<number> {
  const old = await database.query<{ key: string }>(
    `select object_key as key from orphaned_objects where seen_real_at <= now() - $1 * interval '1 millisecond'
     order by object_key limit $2`,
    [keptRealMs, limit],
  );
  let removed = 0;
  for (const { key } of old) {
    await database.transaction(async (tx) => {
      // Held until the object is gone: whoever wants to name it again waits, and then finds it missing.
      const rows = await tx.query('select from orphaned_objects where object_key = $1 for update', [key]);
      if (rows.length === 0) return;
      await objects.delete(key);
      await tx.query('delete from orphaned_objects where object_key = $1', [key]);
      removed += 1;
    });
  }
  return removed;
}

/**
 * The store for those who name an object that they find, instead of storing it again: from then on it is no orphan, so
 * that it does not go before its name is written.
 */
export function reclaiming(database: Database, objects: ObjectStore): ObjectStore {
  return {
    ...objects,
    head: async (key) => {
      await database.query('delete from orphaned_objects where object_key = $1', [key]);
      return objects.head(key);
    },
  };
}
