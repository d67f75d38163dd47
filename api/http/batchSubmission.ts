import { createHash } from 'node:crypto';

import { z } from '@hono/zod-openapi';

import { MINUTE_MS } from '../../domain/durations.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { parseGridHints } from '../../domain/gridHints.ts';
import { newId } from '../../domain/ids.ts';
import { findBatchByIdempotencyKey, findBatchByRequestHash, insertBatch, type Batch } from '../../store/batches.ts';
import { insertBatchTerms } from '../../store/batchTerms.ts';
import type { Queryable } from '../../store/database.ts';
import { readFile, type StoredFile } from '../../store/files.ts';
import { listRegionIdsBeside } from '../../store/regions.ts';
import { readTenant, readTenantUse } from '../../store/tenants.ts';
import { deadlineOf, type CreateBatch } from './batchRequest.ts';
import { checkCredit, termsOf } from './money/batchPrice.ts';
import { tellSharedSpan } from '../../domain/tracing.ts';
import type { ApiPorts } from './ports.ts';
import { startJobOrLater } from './startJobs.ts';

// The SDK gives up retrying long before; a later twin is meant as a second batch.
const RETRY_WINDOW_REAL_MS = 10 * MINUTE_MS;
const MAX_KEY_CHARACTERS = 255;
const QUOTA_RETRY_SECONDS = 60;

/** What tells a repeated request from a second one. */
export interface Repetition {
  /** Header Idempotency-Key. */
  readonly idempotencyKey: string | undefined;
  /** Header x-stainless-retry-count is above 0: OpenAI's SDKs send no key. */
  readonly isRetry: boolean;
}

export const repetitionHeaders = z.object({
  'idempotency-key': z.string().optional(),
  'x-stainless-retry-count': z.string().optional(),
});

export function repetitionOf(headers: z.output<typeof repetitionHeaders>): Repetition {
  return {
    idempotencyKey: headers['idempotency-key'],
    isRetry: Number(headers['x-stainless-retry-count']) > 0,
  };
}

/**
 * Accepts a batch; a repeated request gets the batch of the first one. Once it is in the database it is accepted:
 * when Temporal does not answer, `startUnstartedJobs` starts its job later.
 * @throws NightshiftError `invalid_request`, `payment_required`, `quota_exceeded`
 */
export async function submitBatch(
  ports: ApiPorts,
  tenantId: string,
  request: CreateBatch,
  repetition: Repetition,
): Promise<Batch> {
  const startRealMs = Date.now();
  const idempotencyKey = repetition.idempotencyKey ?? request.metadata?.['grid.idempotency_key'] ?? null;
  if (idempotencyKey !== null && (idempotencyKey === '' || idempotencyKey.length > MAX_KEY_CHARACTERS)) {
    throw new NightshiftError('invalid_request', `An idempotency key has 1 to ${MAX_KEY_CHARACTERS} characters.`, {
      field: 'Idempotency-Key',
    });
  }
  const submittedAtMs = gridTimeMs(ports.cell.clock, ports.now());
  const deadlineMs = deadlineOf(request, submittedAtMs);
  const hints = parseGridHints(request.metadata);
  const file = await checkInput(ports.database, tenantId, request.input_file_id);
  const terms = await termsOf(ports, tenantId, request, file, { hints, deadlineMs, nowMs: submittedAtMs });
  const requestHash = createHash('sha256').update(JSON.stringify(request)).digest('hex');

  const batch = await ports.database.transaction(async (tx) => {
    // Two of the same at once, e.g. a request and its retry: the second waits and then finds the first.
    await tx.query(`select pg_advisory_xact_lock(hashtext('batch'), hashtext($1))`, [
      `${tenantId}/${idempotencyKey ?? requestHash}`,
    ]);
    const first = await findFirst(tx, tenantId, idempotencyKey, requestHash, repetition.isRetry);
    if (first) return first;
    await checkInput(tx, tenantId, request.input_file_id);
    await checkRegions(tx, ports.cell.id, request);
    await checkBatchQuota(tx, tenantId);
    await checkCredit(tx, tenantId, terms);
    const inserted = await insertBatch(tx, {
      id: newId('batch_', ports.now()),
      endpoint: request.endpoint,
      inputFileId: request.input_file_id,
      completionWindow: request.completion_window,
      metadata: request.metadata ?? null,
      outputExpiresAfterSeconds: request.output_expires_after?.seconds ?? null,
      deadlineMs,
      submittedAtMs,
      idempotencyKey,
      requestHash,
      tenantId,
      cellId: ports.cell.id,
    });
    if (!inserted) throw new NightshiftError('conflict', 'The idempotency key was taken at the same moment.');
    await insertBatchTerms(tx, { ...terms, batchId: inserted.id });
    return inserted;
  });
  // From here on, its id is in the lines of every process.
  ports.logger.info({ jobId: batch.id, tenantId }, 'a batch was taken');
  tellSharedSpan('submission', { jobId: batch.id, name: 'POST /v1/batches', startMs: startRealMs });
  await startJobOrLater(ports, batch);
  return batch;
}

async function findFirst(
  tx: Queryable,
  tenantId: string,
  idempotencyKey: string | null,
  requestHash: string,
  isRetry: boolean,
): Promise<Batch | undefined> {
  if (idempotencyKey === null) {
    return isRetry ? findBatchByRequestHash(tx, tenantId, requestHash, RETRY_WINDOW_REAL_MS) : undefined;
  }
  const first = await findBatchByIdempotencyKey(tx, tenantId, idempotencyKey);
  if (first && first.requestHash !== requestHash) {
    // Not 409: the SDK would only send it again.
    throw new NightshiftError('invalid_request', 'The idempotency key was used with another request.', {
      field: 'Idempotency-Key',
    });
  }
  return first;
}

/** @throws NightshiftError `quota_exceeded` */
async function checkBatchQuota(tx: Queryable, tenantId: string): Promise<void> {
  const { maxOpenBatches } = await readTenant(tx, tenantId);
  if (maxOpenBatches === null) return;
  const { openBatches } = await readTenantUse(tx, tenantId);
  if (openBatches < maxOpenBatches) return;
  throw new NightshiftError(
    'quota_exceeded',
    `Tenant "${tenantId}" has ${openBatches} open batches, at most ${maxOpenBatches}.`,
    {
      retryAfterSeconds: QUOTA_RETRY_SECONDS,
    },
  );
}

/** A batch for a region that is not there would wait for its deadline. @throws NightshiftError `invalid_request` */
async function checkRegions(tx: Queryable, cellId: string, { metadata }: CreateBatch): Promise<void> {
  const { regionIds } = parseGridHints(metadata);
  if (regionIds === undefined) return;
  const known = await listRegionIdsBeside(tx, cellId);
  const unknown = regionIds.find((id) => !known.includes(id));
  if (unknown === undefined) return;
  const message = `metadata["grid.region"] names "${unknown}"; the regions are ${known.join(', ')}.`;
  throw new NightshiftError('invalid_request', message, { field: 'metadata.grid.region' });
}

/** Exported for quotes, which read the same input, and for training. */
export async function checkInput(
  tx: Queryable,
  tenantId: string,
  fileId: string,
  field = 'input_file_id',
): Promise<StoredFile> {
  const file = await readFile(tx, fileId);
  // One answer for a file of another tenant and for none, so that ids of others cannot be found out.
  if (file?.tenantId !== tenantId) {
    throw new NightshiftError('invalid_request', `There is no file "${fileId}".`, { field });
  }
  if (file.purpose !== 'batch') {
    throw new NightshiftError('invalid_request', `File "${fileId}" has purpose "${file.purpose}", not "batch".`, {
      field,
    });
  }
  return file;
}
