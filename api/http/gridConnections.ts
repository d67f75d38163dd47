import { randomBytes } from 'node:crypto';

import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import {
  connectionIdSchema,
  openAdrSettingsSchema,
  type OpenAdrSecrets,
  type OpenAdrSettings,
} from '../../domain/openAdr.ts';
import { listFeeders } from '../../store/feeders.ts';
import {
  listConnections,
  markConnectionRemoving,
  openSecrets,
  readConnection,
  upsertConnection,
  type OpenAdrConnection,
} from '../../store/openAdrConnections.ts';
import { listRefusedEvents } from '../../store/openAdrEvents.ts';
import { readRegion } from '../../store/regions.ts';
import { gridConnectionSchema, gridConnectionsSchema, type GridConnectionWire } from '../wire/gridConnections.ts';
import type { ApiPorts } from './ports.ts';
import { nameOf } from './gridEvents.ts';
import { isoOrNull } from './isoTime.ts';
import { tellRegion } from './tellRegion.ts';
import { answers, notFound, taking } from './wire.ts';

const CALLBACK_TOKEN_BYTES = 24;
const MAX_REFUSALS = 20;

const fields = openAdrSettingsSchema.shape;
const connectionBodySchema = z
  .strictObject({
    vtn_url: fields.vtnUrl,
    client_id: z
      .string()
      .min(1)
      .max(4_096)
      .nullish()
      .meta({ description: 'Left out: as it was. Null: the server takes anybody.' }),
    client_secret: z
      .string()
      .min(1)
      .max(4_096)
      .optional()
      .meta({ description: 'Left out: as it was, for the same client at the same hosts.' }),
    region: fields.regionId,
    feeders: fields.feederIds,
    ven_name: fields.venName.optional(),
    scopes: fields.scopes,
    programs: fields.programs,
    targets: fields.targets,
    poll_seconds: fields.pollSeconds,
    callback_url: fields.callbackUrl,
    token_url: fields.tokenUrl,
    broker_hosts: fields.brokerHosts,
    verify_tls: fields.verifyTls,
    ca: fields.ca,
    eur_per: fields.eurPer,
    priority: fields.priority,
  })
  .openapi('GridConnectionRequest');

const params = z.object({ id: connectionIdSchema });
const answer = (description: string) => answers(description, gridConnectionSchema);

const putRoute = createRoute({
  method: 'put',
  path: '/grid/v1/connections/{id}',
  summary: 'Follow a utility’s OpenADR 3.1 server, or change how',
  request: { params, ...taking(connectionBodySchema) },
  responses: answer('The connection; its secret is never shown again'),
});
const getRoute = createRoute({
  method: 'get',
  path: '/grid/v1/connections/{id}',
  request: { params },
  responses: answer('The connection and how its last synchronisation went'),
});
const deleteRoute = createRoute({
  method: 'delete',
  path: '/grid/v1/connections/{id}',
  request: { params },
  responses: answers(
    'It is followed no more; its signals end now, and then what we made at the server',
    z.object({ id: z.string(), deleted: z.literal(true) }),
  ),
});
const listRoute = createRoute({
  method: 'get',
  path: '/grid/v1/connections',
  responses: answers('All connections of the cell', gridConnectionsSchema),
});

/** Utilities' servers that the cell follows; for keys with the scope `ops`. */
export function addGridConnectionRoutes(app: OpenAPIHono, { database, cell, seal, vens, regions }: ApiPorts): void {
  const own = async (id: string): Promise<OpenAdrConnection> => {
    const connection = await readConnection(database, id);
    if (connection?.cellId !== cell.id || connection.isRemoving) throw notFound('connection', id);
    return connection;
  };

  const shown = async (connection: OpenAdrConnection) =>
    toWire(connection, await listRefusedEvents(database, connection.id, MAX_REFUSALS));

  app.openapi(putRoute, async (c) => {
    const { id } = c.req.valid('param');
    const body = c.req.valid('json');
    const region = await readRegion(database, body.region);
    if (region?.cellId !== cell.id)
      throw invalid('region', `${JSON.stringify(body.region)} is not a region of this cell`);
    const feeders = (await listFeeders(database, cell.id)).filter(({ regionId }) => regionId === region.id);
    const stranger = body.feeders.find((feederId) => !feeders.some((feeder) => feeder.id === feederId));
    if (stranger !== undefined) throw invalid('feeders', `${JSON.stringify(stranger)} is not a feeder of ${region.id}`);
    const known = await readConnection(database, id);
    if (known && known.cellId !== cell.id)
      throw new NightshiftError('conflict', `Another cell has a connection ${id}.`);
    const settings = openAdrSettingsSchema.parse({
      vtnUrl: body.vtn_url,
      regionId: body.region,
      feederIds: body.feeders,
      venName: body.ven_name ?? `nightshift-${id}`,
      scopes: body.scopes,
      programs: body.programs,
      targets: body.targets,
      pollSeconds: body.poll_seconds,
      ...(body.callback_url !== undefined && { callbackUrl: body.callback_url }),
      ...(body.token_url !== undefined && { tokenUrl: body.token_url }),
      brokerHosts: body.broker_hosts,
      ...(body.ca !== undefined && { ca: body.ca }),
      verifyTls: body.verify_tls,
      eurPer: body.eur_per,
      priority: body.priority,
    });
    const before = known && !known.isRemoving ? openSecrets(seal, known) : undefined;
    const client = clientOf(body, settings, before && known && { secrets: before, settings: known.settings });
    const secrets: OpenAdrSecrets = {
      ...(client && { client }),
      // Kept, since the server presents the one that it was given.
      callbackToken: before?.callbackToken ?? randomBytes(CALLBACK_TOKEN_BYTES).toString('base64url'),
    };
    await upsertConnection(database, { id, settings, sealed: seal.seal(JSON.stringify(secrets), id) });
    if (known && known.regionId !== region.id) await tellRegion(regions, known.regionId);
    await vens.hint(id);
    return c.json(await shown(await own(id)), 200);
  });

  app.openapi(getRoute, async (c) => c.json(await shown(await own(c.req.valid('param').id)), 200));

  app.openapi(listRoute, async (c) => {
    const connections = (await listConnections(database, cell.id)).filter(({ isRemoving }) => !isRemoving);
    return c.json({ data: await Promise.all(connections.map(shown)) }, 200);
  });

  app.openapi(deleteRoute, async (c) => {
    const { id } = c.req.valid('param');
    await own(id);
    await markConnectionRemoving(database, id);
    await vens.hint(id);
    return c.json({ id, deleted: true as const }, 200);
  });
}

function invalid(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', `${field}: ${message}.`, { field });
}

/**
 * The credentials of a request, with what it leaves out as it was. A secret goes to no other host than it was given for.
 * @throws NightshiftError `invalid_request` with the field
 */
function clientOf(
  { client_id: id, client_secret: secret }: z.output<typeof connectionBodySchema>,
  settings: OpenAdrSettings,
  before: { readonly secrets: OpenAdrSecrets; readonly settings: OpenAdrSettings } | undefined,
): OpenAdrSecrets['client'] {
  if (id === null && secret === undefined) return undefined;
  if (typeof id === 'string' && secret !== undefined) return { id, secret };
  const kept = before?.secrets.client;
  if (secret !== undefined) {
    if (id === undefined && kept) return { id: kept.id, secret };
    throw invalid('client_id', 'is missing; client_id and client_secret go together');
  }
  if (id === undefined && !kept) return undefined;
  if (!kept || (id !== undefined && id !== kept.id)) {
    throw invalid('client_secret', `is missing, and none is kept for client ${JSON.stringify(id)}`);
  }
  if (before && originsOf(before.settings) !== originsOf(settings)) {
    throw invalid('client_secret', 'must be given again for another server: the one that is kept was not given for it');
  }
  return kept;
}

/** Where a secret goes. */
function originsOf({ vtnUrl, tokenUrl = vtnUrl }: OpenAdrSettings): string {
  return [vtnUrl, tokenUrl].map((url) => new URL(url).origin).join(' ');
}

function toWire(
  { id, settings, status, registered }: OpenAdrConnection,
  refusals: Awaited<ReturnType<typeof listRefusedEvents>>,
): GridConnectionWire {
  const resourceTargets = Object.values(registered?.resourceTargets ?? {}).flat();
  return {
    id,
    vtn_url: settings.vtnUrl,
    region: settings.regionId,
    feeders: [...settings.feederIds],
    ven_name: settings.venName,
    programs: [...settings.programs],
    targets: [...settings.targets],
    poll_seconds: settings.pollSeconds,
    callback_url: settings.callbackUrl ?? null,
    verify_tls: settings.verifyTls,
    eur_per: { ...settings.eurPer },
    priority: settings.priority,
    status: status && {
      synced_at: isoOrNull(status.syncedAtMs),
      failures: status.failures,
      failure: status.failure,
      report_failures: status.reportFailures ?? 0,
      report_failure: status.reportFailure ?? null,
      registration_failure: status.registrationFailure ?? null,
      programs: status.programs,
      events: status.events,
      refused: status.refused,
      webhook: status.webhook,
      mqtt: status.mqtt,
      ignored_types: [...status.ignoredTypes],
    },
    ven: registered && {
      id: registered.venId,
      name: registered.venName,
      targets: [...new Set([...registered.venTargets, ...resourceTargets])],
    },
    refusals: refusals.map(({ eventId, body, refused, refusedPayloads }) => ({
      event: eventId,
      name: nameOf(body),
      reasons: refused === null ? [...refusedPayloads] : [refused],
    })),
  };
}
