import type { ApiScope } from '../domain/apiKeys.ts';
import { only, type Queryable } from './database.ts';

export interface ApiKey {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly scopes: readonly ApiScope[];
  /** Regions that the scope `grid` reaches; null for none. */
  readonly regionIds: readonly string[] | null;
  readonly requestsPerMinute: number;
  readonly createdRealMs: number;
  readonly revokedRealMs: number | null;
}

const COLUMNS = `id, tenant_id as "tenantId", name, scopes, region_ids as "regionIds",
  requests_per_minute as "requestsPerMinute",
  created_real_at as "createdRealMs", revoked_real_at as "revokedRealMs"`;

/** Keeps a key by its hash. */
export async function insertApiKey(
  database: Queryable,
  key: Omit<ApiKey, 'createdRealMs' | 'revokedRealMs'> & { readonly keySha256: string },
): Promise<ApiKey> {
  return only(
    await database.query<ApiKey>(
      `insert into api_keys (id, tenant_id, name, key_sha256, scopes, requests_per_minute, region_ids)
       values ($1, $2, $3, $4, $5, $6, $7) returning ${COLUMNS}`,
      [key.id, key.tenantId, key.name, key.keySha256, key.scopes, key.requestsPerMinute, key.regionIds],
    ),
  );
}

/** The key with this hash, unless it was revoked. */
export async function findApiKey(database: Queryable, keySha256: string): Promise<ApiKey | undefined> {
  const [key] = await database.query<ApiKey>(
    `select ${COLUMNS} from api_keys where key_sha256 = $1 and revoked_real_at is null`,
    [keySha256],
  );
  return key;
}

export async function listApiKeys(database: Queryable): Promise<ApiKey[]> {
  return database.query<ApiKey>(`select ${COLUMNS} from api_keys order by id`);
}

/** @returns the key, or undefined when there is none with this id. */
export async function revokeApiKey(database: Queryable, id: string): Promise<ApiKey | undefined> {
  const [key] = await database.query<ApiKey>(
    `update api_keys set revoked_real_at = coalesce(revoked_real_at, now()) where id = $1 returning ${COLUMNS}`,
    [id],
  );
  return key;
}
