import {
  openAdrSecretsSchema,
  type OpenAdrRegistration,
  type OpenAdrSecrets,
  type OpenAdrSettings,
  type OpenAdrStatus,
} from '../domain/openAdr.ts';
import { instant, type Queryable } from './database.ts';
import type { Seal } from './seal.ts';

/** A connection to a utility's server. */
export interface OpenAdrConnection {
  readonly id: string;
  readonly regionId: string;
  readonly cellId: string;
  readonly settings: OpenAdrSettings;
  readonly sealed: string;
  readonly status: OpenAdrStatus | null;
  readonly registered: OpenAdrRegistration | null;
  /** Grid time of the last notification at our callback; null when none has come. */
  readonly notifiedMs: number | null;
  /** It is to be removed, with what we made at the server. */
  readonly isRemoving: boolean;
}

/** The connection's credentials. @throws NightshiftError `invalid_config` when they were sealed with another key */
export function openSecrets(seal: Seal, { id, sealed }: Pick<OpenAdrConnection, 'id' | 'sealed'>): OpenAdrSecrets {
  return openAdrSecretsSchema.parse(JSON.parse(seal.open(sealed, id)));
}

const CONNECTION = `c.id, c.region_id as "regionId", r.cell_id as "cellId", c.settings, c.sealed, c.status,
  c.registered, c.notified_at as "notifiedMs", c.removing as "isRemoving"
  from openadr_connections c join regions r on r.id = c.region_id`;
const ITS_SIGNALS = `source in ('openadr/' || $1, 'openadr/' || $1 || '/emergency')`;
const isSame = (setting: string): string =>
  `openadr_connections.settings->'${setting}' is not distinct from excluded.settings->'${setting}'`;

/** Stores a connection. One that speaks for another region than before says nothing of the old one any more. */
export async function upsertConnection(
  database: Queryable,
  connection: Pick<OpenAdrConnection, 'id' | 'settings' | 'sealed'>,
): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query(`delete from signals where region_id <> $2 and ${ITS_SIGNALS}`, [
      connection.id,
      connection.settings.regionId,
    ]);
    await insertConnection(tx, connection);
  });
}

async function insertConnection(
  database: Queryable,
  connection: Pick<OpenAdrConnection, 'id' | 'settings' | 'sealed'>,
): Promise<void> {
  await database.query(
    `insert into openadr_connections (id, region_id, settings, sealed) values ($1, $2, $3, $4)
     on conflict (id) do update set region_id = excluded.region_id, settings = excluded.settings,
       sealed = excluded.sealed, status = null, removing = false,
       registered = case when ${isSame('vtnUrl')} and ${isSame('venName')} then openadr_connections.registered end,
       notified_at = case when ${isSame('callbackUrl')} then openadr_connections.notified_at end`,
    [connection.id, connection.settings.regionId, JSON.stringify(connection.settings), connection.sealed],
  );
}

export async function readConnection(database: Queryable, id: string): Promise<OpenAdrConnection | undefined> {
  const [connection] = await database.query<OpenAdrConnection>(`select ${CONNECTION} where c.id = $1`, [id]);
  return connection;
}

/** All connections of the cell, also those that are being removed. */
export async function listConnections(database: Queryable, cellId: string): Promise<OpenAdrConnection[]> {
  return database.query<OpenAdrConnection>(`select ${CONNECTION} where r.cell_id = $1 order by c.id`, [cellId]);
}

/** Nothing that the connection says holds any more; what we made at the server is still to be removed there. */
export async function markConnectionRemoving(database: Queryable, id: string): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query(`delete from signals where ${ITS_SIGNALS}`, [id]);
    await tx.query('update openadr_connections set removing = true where id = $1', [id]);
  });
}

export async function saveRegistration(
  database: Queryable,
  { id, sealed }: Pick<OpenAdrConnection, 'id' | 'sealed'>,
  registered: OpenAdrRegistration,
): Promise<void> {
  await database.query('update openadr_connections set registered = $3 where id = $1 and sealed = $2', [
    id,
    sealed,
    JSON.stringify(registered),
  ]);
}

/** Notes that the server has told of a change at our callback. */
export async function markNotified(database: Queryable, id: string, atMs: number): Promise<void> {
  await database.query('update openadr_connections set notified_at = $2 where id = $1', [id, instant(atMs)]);
}

/** Removes a connection with its events, its reports and what it says of the grid. */
export async function deleteConnection(database: Queryable, id: string): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query(`delete from signals where ${ITS_SIGNALS}`, [id]);
    await tx.query('delete from openadr_connections where id = $1', [id]);
  });
}

/** Not of a connection that was configured anew meanwhile: that would tell of how the old configuration did. */
export async function saveConnectionStatus(
  database: Queryable,
  { id, sealed }: Pick<OpenAdrConnection, 'id' | 'sealed'>,
  status: OpenAdrStatus,
): Promise<void> {
  await database.query('update openadr_connections set status = $3 where id = $1 and sealed = $2', [
    id,
    sealed,
    JSON.stringify(status),
  ]);
}
