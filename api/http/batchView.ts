import { z } from '@hono/zod-openapi';

import { BATCH_STATUSES } from '../../domain/batches.ts';
import { realTimeMs, type Clock } from '../../domain/clock.ts';
import type { Batch } from '../../store/batches.ts';
import { gridSchema, gridToWire, type GridFacts } from './gridView.ts';
import { unixSeconds } from './wire.ts';

const seconds = z.number().int().optional();

/** OpenAI's Batch, and `x_grid`, which stock clients ignore. All `*_at` are real unix seconds. */
export const batchSchema = z
  .object({
    id: z.string(),
    object: z.literal('batch'),
    endpoint: z.string(),
    errors: z
      .object({
        object: z.literal('list'),
        data: z.array(
          z.object({
            code: z.string(),
            line: z.number().int().nullable(),
            message: z.string(),
            param: z.string().nullable(),
          }),
        ),
      })
      .nullable(),
    input_file_id: z.string(),
    completion_window: z.string(),
    status: z.enum(BATCH_STATUSES),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: z.number().int(),
    expires_at: z.number().int(),
    in_progress_at: seconds,
    finalizing_at: seconds,
    completed_at: seconds,
    failed_at: seconds,
    expired_at: seconds,
    cancelling_at: seconds,
    cancelled_at: seconds,
    request_counts: z.object({ total: z.number().int(), completed: z.number().int(), failed: z.number().int() }),
    metadata: z.record(z.string(), z.string()).nullable(),
    model: z.string().optional(),
    x_grid: gridSchema,
  })
  .openapi('Batch');

export function batchToWire(batch: Batch, facts: GridFacts, clock: Clock): z.input<typeof batchSchema> {
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    errors: batch.errors && { object: 'list', data: batch.errors.map((error) => ({ ...error })) },
    input_file_id: batch.inputFileId,
    completion_window: batch.completionWindow,
    status: batch.status,
    output_file_id: batch.outputFileId,
    error_file_id: batch.errorFileId,
    // Not the row's own time: what expires after 24 h shows exactly 24 h.
    created_at: unixSeconds(realTimeMs(clock, batch.submittedAtMs)),
    expires_at: unixSeconds(realTimeMs(clock, batch.deadlineMs)),
    ...batch.timestamps,
    request_counts: { total: batch.total, completed: batch.completed, failed: batch.failed },
    metadata: batch.metadata && { ...batch.metadata },
    ...(facts.progress && { model: facts.progress.model.name }),
    x_grid: gridToWire(batch, facts),
  };
}
