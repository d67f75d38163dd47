import type { ApiScope } from '../domain/apiKeys.ts';
import { instant, only, type Queryable } from './database.ts';

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
  /** When it ends by itself; null for never. */
  readonly expiresRealMs: number | null;
  /** Who signed in to get it; null for a key that was made. */
  readonly person: string | null;
}

const COLUMNS = `id, tenant_id as "tenantId", name, scopes, region_ids as "regionIds",
  requests_per_minute as "requestsPerMinute",
  created_real_at as "createdRealMs", revoked_real_at as "revokedRealMs",
  expires_real_at as "expiresRealMs", person`;

/** Keeps a key by its hash. */
export async function insertApiKey(
  database: Queryable,
  key: Omit<ApiKey, 'createdRealMs' | 'revokedRealMs' | 'expiresRealMs' | 'person'> & {
    readonly keySha256: string;
    readonly expiresRealMs?: number;
    readonly person?: string;
  },
): Promise<ApiKey> {
  return only(
    await database.query<ApiKey>(
      `insert into api_keys (id, tenant_id, name, key_sha256, scopes, requests_per_minute, region_ids,
         expires_real_at, person)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning ${COLUMNS}`,
      [
        key.id,
        key.tenantId,
        key.name,
        key.keySha256,
        key.scopes,
        key.requestsPerMinute,
        key.regionIds,
        key.expiresRealMs === undefined ? null : instant(key.expiresRealMs),
        key.person ?? null,
      ],
    ),
  );
}

/** The key with this hash, unless it was revoked or has run out. */
export async function findApiKey(database: Queryable, keySha256: string): Promise<ApiKey | undefined> {
  const [key] = await database.query<ApiKey>(
    `select ${COLUMNS} from api_keys where key_sha256 = $1 and revoked_real_at is null
       and (expires_real_at is null or expires_real_at > now())`,
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

/** Has the key run out then, unless it runs out before. @returns the key, or undefined when there is none that is in force */
export async function expireApiKey(database: Queryable, id: string, atRealMs: number): Promise<ApiKey | undefined> {
  const [key] = await database.query<ApiKey>(
    `update api_keys set expires_real_at = least(expires_real_at, $2::timestamptz)
     where id = $1 and revoked_real_at is null and (expires_real_at is null or expires_real_at > now())
     returning ${COLUMNS}`,
    [id, instant(atRealMs)],
  );
  return key;
}
