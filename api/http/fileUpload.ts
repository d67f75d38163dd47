import { BATCH_LIMITS } from '../../domain/batchInput.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { objectKeys } from '../../domain/names.ts';
import type { Queryable } from '../../store/database.ts';
import { insertFile, type StoredFile } from '../../store/files.ts';
import { readTenant, readTenantUse } from '../../store/tenants.ts';
import type { ApiPorts } from './ports.ts';
import { discard } from './discard.ts';
import { readField, readMultipart, type MultipartPart } from './multipart.ts';

const PURPOSE = 'batch';
export const LIFE_SECONDS = { min: 3_600, max: 2_592_000 } as const;
export const QUOTA_RETRY_SECONDS = 60;
const MAX_FIELD_BYTES = 4_096;
const MAX_FILENAME_CHARACTERS = 255;

/**
 * Streams the file of an upload form into the object store and registers it. The fields may come in any order; stock
 * clients send `purpose` after the file. When the form is refused, nothing of it stays.
 * @throws NightshiftError `invalid_request`, `payload_too_large`
 */
export async function receiveFile(
  { database, objects, now }: ApiPorts,
  tenantId: string,
  contentType: string | undefined,
  body: AsyncIterable<Uint8Array>,
): Promise<StoredFile> {
  const id = newId('file-', now());
  // One iterator for reading and, when the form is refused, for what is left of it.
  const source = body[Symbol.asyncIterator]();
  const chunks = { [Symbol.asyncIterator]: () => source };
  const objectKey = objectKeys.file(id);
  const fields = new Map<string, string>();
  let spareBytes = Number.POSITIVE_INFINITY;
  let received: { filename: string; bytes: number } | undefined;
  try {
    spareBytes = await spareBytesOf(database, tenantId);
    for await (const part of readMultipart(contentType, chunks)) {
      if (part.filename === undefined) {
        fields.set(part.name, await readField(part, MAX_FIELD_BYTES));
        continue;
      }
      if (part.name !== 'file' || received) throw invalid('file', 'The form must have exactly one file, named "file".');
      const filename = checkFilename(part);
      received = { filename, bytes: await objects.putStream(objectKey, limited(part.body, spareBytes)) };
    }
    if (!received) throw invalid('file', 'The form has no part "file" with a filename.');
    checkPurpose(fields.get('purpose'));
    return await insertFile(database, {
      id,
      ...received,
      purpose: PURPOSE,
      objectKey,
      tenantId,
      lifeSeconds: lifeSeconds(fields),
    });
  } catch (error) {
    if (received) await objects.delete(objectKey);
    await discard(chunks, BATCH_LIMITS.bytes);
    throw error;
  }
}

/** Bytes that the tenant's quota leaves. */
export async function spareBytesOf(database: Queryable, tenantId: string): Promise<number> {
  const { maxStoredBytes } = await readTenant(database, tenantId);
  if (maxStoredBytes === null) return Number.POSITIVE_INFINITY;
  return maxStoredBytes - (await readTenantUse(database, tenantId)).storedBytes;
}

/** @throws NightshiftError `payload_too_large`, `quota_exceeded` */
export async function* limited(body: AsyncIterable<Uint8Array>, spareBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.byteLength;
    if (bytes > BATCH_LIMITS.bytes) {
      throw new NightshiftError('payload_too_large', `A batch file has at most ${BATCH_LIMITS.bytes} bytes.`, {
        field: 'file',
      });
    }
    if (bytes > spareBytes) {
      const message = 'The file is larger than what the tenant may still store; delete files that are not needed.';
      throw new NightshiftError('quota_exceeded', message, { field: 'file', retryAfterSeconds: QUOTA_RETRY_SECONDS });
    }
    yield piece;
  }
}

function checkFilename({ filename = '' }: MultipartPart): string {
  if (!filename.toLowerCase().endsWith('.jsonl'))
    throw invalid('file', 'Invalid file format for Batch API. Must be .jsonl');
  if (filename.length > MAX_FILENAME_CHARACTERS) {
    throw invalid('file', `A filename has at most ${MAX_FILENAME_CHARACTERS} characters.`);
  }
  return filename;
}

function checkPurpose(purpose: string | undefined): void {
  if (purpose !== PURPOSE) throw invalid('purpose', `purpose must be "${PURPOSE}".`);
}

function lifeSeconds(fields: ReadonlyMap<string, string>): number {
  const anchor = fields.get('expires_after[anchor]');
  if (anchor !== undefined && anchor !== 'created_at') {
    throw invalid('expires_after.anchor', 'expires_after[anchor] must be "created_at".');
  }
  const seconds = Number(fields.get('expires_after[seconds]') ?? LIFE_SECONDS.max);
  if (!Number.isInteger(seconds) || seconds < LIFE_SECONDS.min || seconds > LIFE_SECONDS.max) {
    throw invalid(
      'expires_after.seconds',
      `expires_after[seconds] must be a whole number from ${LIFE_SECONDS.min} to ${LIFE_SECONDS.max}.`,
    );
  }
  return seconds;
}

function invalid(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', message, { field });
}
