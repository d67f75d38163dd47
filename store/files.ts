import { DEFAULT_TENANT } from '../domain/apiKeys.ts';
import { only, type Queryable } from './database.ts';

/** A file of the Files API; its bytes are in the object store under `objectKey`. */
export interface StoredFile {
  readonly id: string;
  readonly tenantId: string;
  readonly filename: string;
  readonly purpose: string;
  readonly bytes: number;
  readonly objectKey: string;
  /** Real time. */
  readonly createdRealMs: number;
  readonly expiresRealMs: number | null;
}

export interface NewFile extends Omit<StoredFile, 'createdRealMs' | 'expiresRealMs' | 'tenantId'> {
  /** The default tenant's when left out. */
  readonly tenantId?: string;
  /** Real seconds that it is kept; null for ever. */
  readonly lifeSeconds: number | null;
}

/** Where a page begins: behind the thing with this time of creation and id. */
export interface PageStart {
  readonly createdRealMs: number;
  readonly id: string;
}

/** One page of a list by time of creation, newest first unless `ascending`. */
export interface Page {
  readonly after?: PageStart | undefined;
  readonly limit: number;
  readonly ascending?: boolean;
}

const COLUMNS = `id, tenant_id as "tenantId", filename, purpose, bytes, object_key as "objectKey", created_real_at as "createdRealMs",
  expires_real_at as "expiresRealMs"`;
const UNEXPIRED = '(expires_real_at is null or expires_real_at > now())';

/** Registers a file whose bytes are stored. With the id of one that is there, its bytes have been written anew. */
export async function insertFile(database: Queryable, file: NewFile): Promise<StoredFile> {
  return only(
    await database.query<StoredFile>(
      `insert into files (id, filename, purpose, bytes, object_key, expires_real_at, tenant_id)
       values ($1, $2, $3, $4, $5, now() + $6 * interval '1 second', $7)
       on conflict (id) do update set bytes = excluded.bytes returning ${COLUMNS}`,
      [
        file.id,
        file.filename,
        file.purpose,
        file.bytes,
        file.objectKey,
        file.lifeSeconds,
        file.tenantId ?? DEFAULT_TENANT,
      ],
    ),
  );
}

/** The file, or undefined when there is none or it has expired. */
export async function readFile(database: Queryable, id: string): Promise<StoredFile | undefined> {
  const [file] = await database.query<StoredFile>(`select ${COLUMNS} from files where id = $1 and ${UNEXPIRED}`, [id]);
  return file;
}

/** Stored responses are listed where they are asked for by their purpose. */
export async function listFiles(
  database: Queryable,
  page: Page,
  tenantId: string,
  purpose?: string,
): Promise<StoredFile[]> {
  return database.query<StoredFile>(
    `select ${COLUMNS} from files
     where tenant_id = $4 and ($5::text is null or purpose = $5) and ${UNEXPIRED}
       and not (purpose = 'batch_output' and bytes = 0) and (purpose <> 'response' or $5 = 'response') and ${pageOrder(page)}`,
    [...pageStart(page), page.limit, tenantId, purpose ?? null],
  );
}

/** Lets the file expire now: nobody reads it any more. @returns the file, whose bytes are to be removed next */
export async function expireFile(database: Queryable, id: string): Promise<StoredFile | undefined> {
  const [file] = await database.query<StoredFile>(
    `update files set expires_real_at = now() where id = $1 and ${UNEXPIRED} returning ${COLUMNS}`,
    [id],
  );
  return file;
}

/** Files past their expiry that no open batch reads, those first that expired first. */
export async function listExpiredFiles(database: Queryable, limit: number): Promise<StoredFile[]> {
  return database.query<StoredFile>(
    `select ${COLUMNS} from files where expires_real_at <= now() and not exists (
       select 1 from batches where input_file_id = files.id
         and status not in ('failed', 'completed', 'expired', 'cancelled'))
     order by files.expires_real_at limit $1`,
    [limit],
  );
}

/** Those of the keys under which a file is stored, expired or not. */
export async function namedObjectKeys(database: Queryable, keys: readonly string[]): Promise<string[]> {
  const rows = await database.query<{ key: string }>('select object_key as key from files where object_key = any($1)', [
    keys,
  ]);
  return rows.map(({ key }) => key);
}

/** Forgets a file whose bytes are removed. */
export async function deleteFile(database: Queryable, id: string): Promise<void> {
  await database.query('delete from files where id = $1', [id]);
}

/** The first two parameters of a query with `pageOrder`. */
export function pageStart({ after }: Page): [createdRealAt: Date | null, id: string | null] {
  return [after ? new Date(after.createdRealMs) : null, after?.id ?? null];
}

/**
 * SQL: what comes after the start in $1 and $2, at most $3 rows, in the page's order. By time of creation, since the ids of
 * output files follow from their batches' and do not rise with time; to the millisecond, as the API knows it.
 */
export function pageOrder(page: Page): string {
  const [comparison, direction] = page.ascending ? ['>', 'asc'] : ['<', 'desc'];
  const created = `date_trunc('milliseconds', created_real_at)`;
  return `($2::text is null or (${created}, id) ${comparison} ($1::timestamptz, $2))
     order by ${created} ${direction}, id ${direction} limit $3`;
}
