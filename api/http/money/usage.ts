import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../../domain/clock.ts';
import { DAY_MS, HOUR_MS } from '../../../domain/durations.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import { listUsage, USAGE_KINDS, type UsageKind, type UsageRow } from '../../../store/usage.ts';
import { usageSchema } from '../../wire/usage.ts';
import { secondsSchema } from '../../wire/buckets.ts';
import type { ApiPorts } from '../ports.ts';
import { answers, unixSeconds } from '../wire.ts';

const WIDTHS = { '1d': DAY_MS, '1h': HOUR_MS } as const;
const LIMITS = { '1d': { usual: 7, most: 31 }, '1h': { usual: 24, most: 168 } } as const;
const GROUPS = ['model', 'batch', 'project_id', 'user_id', 'api_key_id'] as const;
type Group = (typeof GROUPS)[number];
const groupsSchema = z.array(z.enum(GROUPS));

const usageRoute = createRoute({
  method: 'get',
  path: '/v1/organization/usage/{kind}',
  summary: 'Requests and tokens of the tenant, by day or hour; in the form of OpenAI, in grid time',
  request: {
    params: z.object({ kind: z.enum(USAGE_KINDS) }),
    query: z.object({
      start_time: secondsSchema,
      end_time: secondsSchema.optional(),
      bucket_width: z.enum(['1d', '1h']).default('1d'),
      limit: z.coerce.number().int().min(1).max(168).optional().meta({ description: 'Buckets: 31 days or 168 hours.' }),
      page: z
        .string()
        .regex(/^\d{1,11}$/)
        .optional(),
      group_by: z
        .union([z.string(), z.array(z.string())])
        .optional()
        .meta({ description: 'model, batch; others have one group, of null.' }),
    }),
  },
  responses: answers('A page of buckets', usageSchema),
});

/** What tenants had answered, as OpenAI's clients ask for it. */
export function addUsageRoutes(app: OpenAPIHono, { database, cell, now }: ApiPorts): void {
  app.openapi(usageRoute, async (c) => {
    const { kind } = c.req.valid('param');
    const { start_time: start, end_time: end, bucket_width: width, limit, page } = c.req.valid('query');
    const asked = groupsSchema.safeParse([
      ...(c.req.queries('group_by') ?? []),
      // As OpenAI's own client writes lists.
      ...(c.req.queries('group_by[]') ?? []),
    ]);
    if (!asked.success) {
      throw new NightshiftError('invalid_request', `group_by must be of ${GROUPS.join(', ')}.`, { field: 'group_by' });
    }
    const { usual, most } = LIMITS[width];
    if ((limit ?? 0) > most) {
      throw new NightshiftError('invalid_request', `limit is at most ${most} buckets of ${width}, is ${limit}.`, {
        field: 'limit',
      });
    }
    const widthMs = WIDTHS[width];
    const fromMs = Math.floor((Number(page ?? start) * 1000) / widthMs) * widthMs;
    const endMs = end === undefined ? Math.round(gridTimeMs(cell.clock, now())) : end * 1000;
    const untilMs = Math.min(endMs, fromMs + (limit ?? usual) * widthMs);
    const window = { startMs: fromMs, endMs: untilMs, bucket: width === '1d' ? ('day' as const) : ('hour' as const) };
    const rows = await listUsage(database, c.get('caller').tenantId, kind, window);
    const hasMore = endMs > untilMs;
    return c.json(
      {
        object: 'page' as const,
        data: Array.from({ length: Math.max(0, Math.ceil((untilMs - fromMs) / widthMs)) }, (_, index) => {
          const startMs = fromMs + index * widthMs;
          return {
            object: 'bucket' as const,
            start_time: unixSeconds(startMs),
            end_time: unixSeconds(startMs + widthMs),
            results: resultsOf(
              kind,
              rows.filter((row) => row.startMs === startMs),
              asked.data,
            ),
          };
        }),
        has_more: hasMore,
        next_page: hasMore ? String(unixSeconds(untilMs)) : null,
      },
      200,
    );
  });
}

type Result = z.input<typeof usageSchema>['data'][number]['results'][number];

function resultsOf(kind: UsageKind, rows: readonly UsageRow[], groups: readonly Group[]): Result[] {
  const byGroup = new Map<string, Result>();
  for (const row of rows) {
    const model = groups.includes('model') ? row.model : null;
    const batch = groups.includes('batch') ? row.isBatch : null;
    const name = JSON.stringify([model, batch]);
    const known = byGroup.get(name);
    byGroup.set(name, {
      object: `organization.usage.${kind}.result`,
      input_tokens: (known?.input_tokens ?? 0) + row.inputTokens,
      ...(kind === 'completions' && {
        output_tokens: (known?.output_tokens ?? 0) + row.outputTokens,
        input_cached_tokens: 0,
        batch,
      }),
      num_model_requests: (known?.num_model_requests ?? 0) + row.requests,
      project_id: null,
      user_id: null,
      api_key_id: null,
      model,
    });
  }
  return [...byGroup.values()];
}
