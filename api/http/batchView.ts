import type { z } from '@hono/zod-openapi';

import { realTimeMs, type Clock } from '../../domain/clock.ts';
import type { Batch } from '../../store/batches.ts';
import type { batchSchema } from '../wire/batch.ts';
import type { Usage } from '../../store/acceptedShards.ts';
import { gridToWire, type GridFacts } from './gridView.ts';
import { unixSeconds } from './wire.ts';

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
    ...(facts.usage && { usage: usageToWire(facts.usage) }),
    x_grid: gridToWire(batch, facts),
  };
}

function usageToWire({ inputTokens, outputTokens }: Usage): z.input<typeof batchSchema>['usage'] {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + outputTokens,
  };
}
