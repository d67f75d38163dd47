import type { Queryable } from './database.ts';

/** Lets whoever presents the key of this SHA-256 (hex) act for the owner. */
export async function addOwnerKey(database: Queryable, ownerId: string, keySha256: string): Promise<void> {
  await database.query('insert into owner_keys (key_sha256, owner_id) values ($1, $2)', [keySha256, ownerId]);
}

export async function ownerOfKey(database: Queryable, keySha256: string): Promise<string | undefined> {
  const [row] = await database.query<{ ownerId: string }>(
    'select owner_id as "ownerId" from owner_keys where key_sha256 = $1',
    [keySha256],
  );
  return row?.ownerId;
}

/** @returns how many keys the owner had. */
export async function removeOwnerKeys(database: Queryable, ownerId: string): Promise<number> {
  return (await database.query('delete from owner_keys where owner_id = $1 returning owner_id', [ownerId])).length;
}
