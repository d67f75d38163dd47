import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { linesOf } from '../../domain/batchInput.ts';
import { customIdOf } from '../../domain/batchLines.ts';
import { isFinalBatchStatus } from '../../domain/batches.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { parseGridHints } from '../../domain/gridHints.ts';
import { objectKeys, unfinishedFileId } from '../../domain/names.ts';
import type { Batch } from '../../store/batches.ts';
import { insertFile, readFile, type StoredFile } from '../../store/files.ts';
import { createBatchSchema, type CreateBatch } from './batchRequest.ts';
import { repetitionHeaders, repetitionOf, submitBatch } from './batchSubmission.ts';
import { batchSchema } from '../wire/batch.ts';
import type { ApiPorts } from './ports.ts';
import { LIFE_SECONDS, limited, spareBytesOf } from './fileUpload.ts';
import { batchToWireById, ownBatch } from './readBatches.ts';
import { answers, idParam } from './wire.ts';

const resubmissionSchema = createBatchSchema
  .pick({ completion_window: true, metadata: true })
  .partial()
  .openapi('ResubmitBatch');

const resubmitRoute = createRoute({
  method: 'post',
  path: '/v1/batches/{id}/resubmit',
  summary: 'Make a new batch of the requests of an ended one that have no successful answer, with their custom_ids',
  request: {
    params: idParam,
    headers: repetitionHeaders,
    body: { required: false, content: { 'application/json': { schema: resubmissionSchema } } },
  },
  responses: answers('The new batch', batchSchema),
});

/** Resubmission of what an ended batch left unanswered: expired, cancelled and failed requests. */
export function addBatchResubmissionRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  app.openapi(resubmitRoute, async (c) => {
    const { tenantId } = c.get('caller');
    const batch = await ownBatch(ports, tenantId, c.req.valid('param').id);
    // Without a body there is nothing to validate, and nothing was.
    const wishes: z.output<typeof resubmissionSchema> = c.req.valid('json') ?? {};
    checkResubmittable(batch);
    const file = await writeUnfinished(ports, batch);
    const request: CreateBatch = {
      input_file_id: file.id,
      endpoint: batch.endpoint,
      completion_window: wishes.completion_window ?? batch.completionWindow,
      metadata: wishes.metadata ?? inheritedMetadata(ports, batch),
      output_expires_after:
        batch.outputExpiresAfterSeconds === null
          ? null
          : { anchor: 'created_at', seconds: batch.outputExpiresAfterSeconds },
    };
    const submitted = await submitBatch(ports, tenantId, request, repetitionOf(c.req.valid('header')));
    return c.json(await batchToWireById(ports, tenantId, submitted.id), 200);
  });
}

function checkResubmittable({ id, status, total, completed }: Batch): void {
  // Not 409: the SDK would only send it again.
  if (!isFinalBatchStatus(status)) {
    throw new NightshiftError('invalid_request', `Batch "${id}" is ${status}; resubmit it when it has ended.`, {
      field: 'status',
    });
  }
  if (status === 'failed') {
    const message = `Batch "${id}" was refused as a whole; correct its file and submit that.`;
    throw new NightshiftError('invalid_request', message, { field: 'status' });
  }
  if (completed >= total) {
    throw new NightshiftError('invalid_request', `Every request of batch "${id}" has its answer.`, { field: 'id' });
  }
}

/** The batch's own, but for a deadline that is over, and for the key that names the ended batch. */
function inheritedMetadata({ cell, now }: ApiPorts, { metadata }: Batch): CreateBatch['metadata'] {
  if (!metadata) return metadata;
  const { 'grid.idempotency_key': _, ...inherited } = metadata;
  const { deadlineMs } = parseGridHints(inherited);
  if (deadlineMs === undefined || deadlineMs > gridTimeMs(cell.clock, now())) return inherited;
  const { 'grid.deadline': _past, ...rest } = inherited;
  return rest;
}

/** Stores the unanswered requests as an input file. Of an ended batch it is always the same file. */
async function writeUnfinished({ database, objects }: ApiPorts, batch: Batch): Promise<StoredFile> {
  const { tenantId } = batch;
  const existing = async (fileId: string, what: string): Promise<StoredFile> => {
    const file = await readFile(database, fileId);
    if (file) return file;
    const message = `The ${what} file of batch "${batch.id}" is gone: it cannot be told what was left.`;
    throw new NightshiftError('invalid_request', message, { field: 'id' });
  };
  const id = unfinishedFileId(batch.id);
  const before = await readFile(database, id);
  if (before) return before;

  const input = await existing(batch.inputFileId, 'input');
  const answered = new Set<string>();
  if (batch.outputFileId !== null) {
    const output = await existing(batch.outputFileId, 'output');
    for await (const line of linesOf(await objects.getStream(output.objectKey))) answered.add(customIdIn(line));
  }
  const unfinished = async function* (): AsyncGenerator<Uint8Array> {
    for await (const line of linesOf(await objects.getStream(input.objectKey))) {
      const text = Buffer.from(line).toString('utf8');
      if (text.trim() !== '' && !answered.has(customIdOf(text))) yield Buffer.from(`${text}\n`);
    }
  };
  const objectKey = objectKeys.file(id);
  const bytes = await objects.putStream(objectKey, limited(unfinished(), await spareBytesOf(database, tenantId)));
  return insertFile(database, {
    id,
    filename: `${batch.id}_unfinished.jsonl`,
    purpose: 'batch',
    bytes,
    objectKey,
    tenantId,
    lifeSeconds: LIFE_SECONDS.max,
  });
}

function customIdIn(line: Uint8Array): string {
  return customIdOf(Buffer.from(line).toString('utf8'));
}
