import { HOUR_MS } from '../../domain/durations.ts';
import { z } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { parseGridHints } from '../../domain/gridHints.ts';
import { modelOfEndpoint, OPENAI_ENDPOINTS } from '../../domain/models.ts';

const MAX_WINDOW_MS = 30 * 24 * HOUR_MS;

const metadataSchema = z
  .record(
    z.string().max(64, 'has a key of more than 64 characters'),
    z.string().max(512, 'has more than 512 characters'),
  )
  .refine((metadata) => Object.keys(metadata).length <= 16, 'has more than 16 pairs');

export const createBatchSchema = z
  .object({
    input_file_id: z.string().min(1).max(100),
    endpoint: z
      .string()
      .max(200)
      .refine(
        (endpoint) => OPENAI_ENDPOINTS.some((known) => known === endpoint) || modelOfEndpoint(endpoint) !== undefined,
        `must be one of ${OPENAI_ENDPOINTS.join(', ')}, or /v2/models/{model}/infer`,
      ),
    completion_window: z.string().regex(/^\d{1,4}(h|d)$/, 'must be hours or days, e.g. 24h or 7d'),
    metadata: metadataSchema.nullish(),
    output_expires_after: z
      .object({ anchor: z.literal('created_at'), seconds: z.number().int().min(3_600).max(2_592_000) })
      .nullish(),
  })
  .openapi('CreateBatch');
export type CreateBatch = z.output<typeof createBatchSchema>;

/**
 * Grid time by which the answers are due: the end of the completion window, or `grid.deadline` when that is earlier.
 * @throws NightshiftError `invalid_request` for a window or a hint out of its limits.
 */
export function deadlineOf(
  request: Pick<CreateBatch, 'completion_window' | 'metadata'>,
  submittedAtMs: number,
): number {
  const windowMs = completionWindowMs(request.completion_window);
  const { deadlineMs } = parseGridHints(request.metadata);
  if (deadlineMs !== undefined && deadlineMs <= submittedAtMs) {
    const now = new Date(submittedAtMs).toISOString();
    throw new NightshiftError('invalid_request', `metadata["grid.deadline"] must be after now, ${now} in grid time.`, {
      field: 'metadata.grid.deadline',
    });
  }
  return Math.min(submittedAtMs + windowMs, deadlineMs ?? Number.POSITIVE_INFINITY);
}

function completionWindowMs(text: string): number {
  const windowMs = Number.parseInt(text, 10) * (text.endsWith('d') ? 24 * HOUR_MS : HOUR_MS);
  if (windowMs < HOUR_MS || windowMs > MAX_WINDOW_MS) {
    throw new NightshiftError('invalid_request', 'completion_window must be from 1h to 30d.', {
      field: 'completion_window',
    });
  }
  return windowMs;
}
