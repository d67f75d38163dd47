import { only, type Queryable } from './database.ts';
import type { Seal } from './seal.ts';

export interface WebhookEndpoint {
  readonly id: string;
  readonly tenantId: string;
  readonly url: string;
  /** Sealed for its id. */
  readonly sealedSecret: string;
  readonly createdRealMs: number;
}

/** @throws NightshiftError `invalid_config` when it was sealed with another key */
export function openWebhookSecret(
  seal: Seal,
  { id, sealedSecret }: Pick<WebhookEndpoint, 'id' | 'sealedSecret'>,
): string {
  // Endpoints of before secrets were sealed.
  return sealedSecret.startsWith('whsec_') ? sealedSecret : seal.open(sealedSecret, id);
}

const COLUMNS = `id, tenant_id as "tenantId", url, secret as "sealedSecret", created_real_at as "createdRealMs"`;

export async function insertWebhookEndpoint(
  database: Queryable,
  endpoint: Omit<WebhookEndpoint, 'createdRealMs'>,
): Promise<WebhookEndpoint> {
  return only(
    await database.query<WebhookEndpoint>(
      `insert into webhook_endpoints (id, tenant_id, url, secret) values ($1, $2, $3, $4) returning ${COLUMNS}`,
      [endpoint.id, endpoint.tenantId, endpoint.url, endpoint.sealedSecret],
    ),
  );
}

export async function listWebhookEndpoints(database: Queryable, tenantId: string): Promise<WebhookEndpoint[]> {
  return database.query<WebhookEndpoint>(`select ${COLUMNS} from webhook_endpoints where tenant_id = $1 order by id`, [
    tenantId,
  ]);
}

/** @returns whether the tenant had it */
export async function deleteWebhookEndpoint(database: Queryable, tenantId: string, id: string): Promise<boolean> {
  const rows = await database.query(`delete from webhook_endpoints where tenant_id = $1 and id = $2 returning id`, [
    tenantId,
    id,
  ]);
  return rows.length > 0;
}
