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

/** One page of a list, newest first unless `ascending`. */
export interface Page {
  /** Id of the last thing of the page before, which may be gone by now. */
  readonly after?: string | undefined;
  readonly limit: number;
  readonly ascending?: boolean;
}

const COLUMNS = `id, tenant_id as "tenantId", filename, purpose, bytes, object_key as "objectKey", created_real_at as "createdRealMs",
  expires_real_at as "expiresRealMs"`;
const UNEXPIRED = '(expires_real_at is null or expires_real_at > now())';

/** Registers a file whose bytes are stored. A retry with the same id gives the first one. */
export async function insertFile(db: Queryable, file: NewFile): Promise<StoredFile> {
  return only(
    await db.query<StoredFile>(
      `insert into files (id, filename, purpose, bytes, object_key, expires_real_at, tenant_id)
       values ($1, $2, $3, $4, $5, now() + $6 * interval '1 second', $7)
       on conflict (id) do update set id = excluded.id returning ${COLUMNS}`,
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
export async function readFile(db: Queryable, id: string): Promise<StoredFile | undefined> {
  const [file] = await db.query<StoredFile>(`select ${COLUMNS} from files where id = $1 and ${UNEXPIRED}`, [id]);
  return file;
}

export async function listFiles(db: Queryable, page: Page, tenantId: string, purpose?: string): Promise<StoredFile[]> {
  return db.query<StoredFile>(
    `select ${COLUMNS} from files
     where tenant_id = $3 and ($4::text is null or purpose = $4) and ${UNEXPIRED} and ${pageOrder(page)}`,
    [page.after ?? null, page.limit, tenantId, purpose ?? null],
  );
}

/** @returns the file that was deleted, whose object is to be deleted next. */
export async function deleteFile(db: Queryable, id: string): Promise<StoredFile | undefined> {
  const [file] = await db.query<StoredFile>(`delete from files where id = $1 returning ${COLUMNS}`, [id]);
  return file;
}

/** SQL: what comes after the id in $1 (null: all), in the page's order. Ids rise with time: domain/ids.ts. */
export function pageOrder(page: Page): string {
  const [comparison, direction] = page.ascending ? ['>', 'asc'] : ['<', 'desc'];
  return `($1::text is null or id ${comparison} $1) order by id ${direction} limit $2`;
}
