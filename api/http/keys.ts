import { randomBytes } from 'node:crypto';

import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { API_SCOPES, isApiScope } from '../../domain/apiKeys.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { rateOf } from '../../domain/exchange.ts';
import { newId } from '../../domain/ids.ts';
import { accounts } from '../../domain/ledger.ts';
import { currencySchema, priceSchema, unitsOf } from '../../domain/money.ts';
import { expireApiKey, insertApiKey, listApiKeys, revokeApiKey, type ApiKey } from '../../store/apiKeys.ts';
import { readBalance } from '../../store/ledger.ts';
import { readPriceBookAt } from '../../store/priceBooks.ts';
import { listRegions } from '../../store/regions.ts';
import { readTenant, readTenantUse, upsertTenant } from '../../store/tenants.ts';
import { sha256 } from './auth.ts';
import type { ApiPorts } from './ports.ts';
import { keySchema, newKeySchema } from '../wire/keys.ts';
import { answers, idParam, notFound, unixSeconds } from './wire.ts';

const MAX_GRACE_HOURS = 720;
const KEY_BYTES = 24;
const DEFAULT_REQUESTS_PER_MINUTE = 600;
const tenantId = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be lower-case letters, digits, "_" or "-"');

const tenantSchema = z
  .object({
    id: z.string(),
    weight: z.number(),
    max_open_batches: z.number().int().nullable(),
    max_stored_bytes: z.number().int().nullable(),
    currency: z.string().nullable(),
    credit_limit: z.number().nullable(),
    balance: z.record(z.string(), z.number()).meta({ description: 'By currency; below 0 what it owes.' }),
    open_batches: z.number().int(),
    stored_bytes: z.number().int(),
  })
  .openapi('Tenant');

const createKeyRoute = createRoute({
  method: 'post',
  path: '/ops/v1/keys',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.object({
            tenant: tenantId,
            name: z.string().min(1).max(100),
            scopes: z
              .array(
                z.string().refine(isApiScope, {
                  error: `must be one of ${Object.keys(API_SCOPES).join(', ')}`,
                }),
              )
              .min(1)
              .default(['submit']),
            regions: z
              .array(z.string().min(1).max(100))
              .min(1)
              .max(100)
              .optional()
              .meta({ description: 'Of the scope "grid", which needs them: the utility’s own.' }),
            requests_per_minute: z.number().int().min(1).max(1_000_000).default(DEFAULT_REQUESTS_PER_MINUTE),
          }),
        },
      },
    },
  },
  responses: answers('The key, which is shown once', newKeySchema),
});

const listKeysRoute = createRoute({
  method: 'get',
  path: '/ops/v1/keys',
  responses: answers('All keys, without the keys themselves', z.object({ data: z.array(keySchema) })),
});

const revokeKeyRoute = createRoute({
  method: 'delete',
  path: '/ops/v1/keys/{id}',
  request: { params: idParam },
  responses: answers('It no longer works', keySchema),
});

const putTenantRoute = createRoute({
  method: 'put',
  path: '/ops/v1/tenants/{id}',
  request: {
    params: z.object({ id: tenantId }),
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.object({
            weight: z.number().min(0.001).max(1000).default(1),
            max_open_batches: z.number().int().min(0).nullable().default(null),
            max_stored_bytes: z.number().int().min(0).nullable().default(null),
            currency: currencySchema.nullable().default(null).meta({
              description: 'That it is charged in; null: the price book’s.',
            }),
            credit_limit: priceSchema.nullable().default(null).meta({
              description: 'How far its balance may fall below 0; null: as far as it likes.',
            }),
          }),
        },
      },
    },
  },
  responses: answers('Its terms and its use', tenantSchema),
});

const rotateKeyRoute = createRoute({
  method: 'post',
  path: '/ops/v1/keys/{id}/rotation',
  summary: 'A new key that may do the same; the old one works on until it has been replaced everywhere',
  request: {
    params: idParam,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({ grace_hours: z.number().min(0).max(MAX_GRACE_HOURS).default(24) }),
        },
      },
    },
  },
  responses: answers('The new key, which is shown once', newKeySchema),
});

/** Keys and tenants; for keys with the scope `keys`. */
export function addKeyRoutes(app: OpenAPIHono, { database, cell, now }: ApiPorts): void {
  app.openapi(createKeyRoute, async (c) => {
    const { tenant, name, scopes, regions, requests_per_minute: requestsPerMinute } = c.req.valid('json');
    const known = (await listRegions(database, cell.id)).map(({ id }) => id);
    checkRegions(scopes, regions, known);
    const key = `sk-${randomBytes(KEY_BYTES).toString('base64url')}`;
    const stored = await insertApiKey(database, {
      id: newId('key_', now()),
      tenantId: tenant,
      name,
      scopes: scopes.filter(isApiScope),
      regionIds: regions ?? null,
      requestsPerMinute,
      keySha256: sha256(key).toString('hex'),
    });
    return c.json({ ...toWire(stored), key }, 200);
  });

  app.openapi(rotateKeyRoute, async (c) => {
    const { id } = c.req.valid('param');
    const endRealMs = now() + c.req.valid('json').grace_hours * HOUR_MS;
    const key = `sk-${randomBytes(KEY_BYTES).toString('base64url')}`;
    const stored = await database.transaction(async (tx) => {
      const old = await expireApiKey(tx, id, endRealMs);
      if (!old) throw notFound('key', id);
      const { tenantId, name, scopes, regionIds, requestsPerMinute } = old;
      const keySha256 = sha256(key).toString('hex');
      const same = { tenantId, name, scopes, regionIds, requestsPerMinute };
      return insertApiKey(tx, { ...same, id: newId('key_', now()), keySha256 });
    });
    return c.json({ ...toWire(stored), key }, 200);
  });

  app.openapi(listKeysRoute, async (c) => c.json({ data: (await listApiKeys(database)).map(toWire) }, 200));

  app.openapi(revokeKeyRoute, async (c) => {
    const { id } = c.req.valid('param');
    const revoked = await revokeApiKey(database, id);
    if (!revoked) throw notFound('key', id);
    return c.json(toWire(revoked), 200);
  });

  app.openapi(putTenantRoute, async (c) => {
    const { id } = c.req.valid('param');
    const terms = c.req.valid('json');
    if (terms.currency !== null)
      rateOf((await readPriceBookAt(database, gridTimeMs(cell.clock, now()))).book, terms.currency);
    await upsertTenant(database, {
      id,
      weight: terms.weight,
      maxOpenBatches: terms.max_open_batches,
      maxStoredBytes: terms.max_stored_bytes,
      currency: terms.currency,
      creditLimitMicros: terms.credit_limit,
    });
    const [tenant, use, balance] = await Promise.all([
      readTenant(database, id),
      readTenantUse(database, id),
      readBalance(database, accounts.tenant(id)),
    ]);
    return c.json(
      {
        id,
        weight: tenant.weight,
        max_open_batches: tenant.maxOpenBatches,
        max_stored_bytes: tenant.maxStoredBytes,
        currency: tenant.currency,
        credit_limit: tenant.creditLimitMicros === null ? null : unitsOf(tenant.creditLimitMicros),
        balance: Object.fromEntries([...balance].map(([currency, micros]) => [currency, unitsOf(micros)])),
        open_batches: use.openBatches,
        stored_bytes: use.storedBytes,
      },
      200,
    );
  });
}

function checkRegions(
  scopes: readonly string[],
  regions: readonly string[] | undefined,
  known: readonly string[],
): void {
  if (scopes.includes('grid') !== (regions !== undefined)) {
    throw wrongRegions('are given with the scope "grid" and only with it: they are what it reaches');
  }
  const stranger = regions?.find((region) => !known.includes(region));
  if (stranger !== undefined) throw wrongRegions(`${JSON.stringify(stranger)} is not one of ${known.join(', ')}`);
}

function wrongRegions(message: string): NightshiftError {
  return new NightshiftError('invalid_request', `regions: ${message}.`, { field: 'regions' });
}

function toWire(key: ApiKey): z.input<typeof keySchema> {
  return {
    id: key.id,
    tenant: key.tenantId,
    name: key.name,
    scopes: [...key.scopes],
    regions: key.regionIds && [...key.regionIds],
    requests_per_minute: key.requestsPerMinute,
    created_at: unixSeconds(key.createdRealMs),
    revoked_at: key.revokedRealMs === null ? null : unixSeconds(key.revokedRealMs),
    expires_at: key.expiresRealMs === null ? null : unixSeconds(key.expiresRealMs),
    person: key.person,
  };
}
