import { columns, instant, type Queryable } from './database.ts';

/** What a usage counts: as OpenAI's usage API cuts its endpoints, and one for all that OpenAI does not have. */
export const USAGE_KINDS = ['completions', 'embeddings', 'moderations', 'other'] as const;
export type UsageKind = (typeof USAGE_KINDS)[number];

export interface LiveUsage {
  readonly tenantId: string;
  readonly model: string;
  readonly kind: UsageKind;
  /** Start of the hour, grid time. */
  readonly hourMs: number;
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export async function addLiveUsage(database: Queryable, usage: readonly LiveUsage[]): Promise<void> {
  await database.query(
    `insert into live_usage (tenant_id, model, endpoint, hour, requests, input_tokens, output_tokens)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[])
     on conflict (tenant_id, hour, model, endpoint) do update set requests = live_usage.requests + excluded.requests,
       input_tokens = live_usage.input_tokens + excluded.input_tokens,
       output_tokens = live_usage.output_tokens + excluded.output_tokens`,
    columns(
      usage,
      (each) => each.tenantId,
      (each) => each.model,
      (each) => each.kind,
      (each) => instant(each.hourMs),
      (each) => each.requests,
      (each) => each.inputTokens,
      (each) => each.outputTokens,
    ),
  );
}

export interface UsageRow {
  /** Start of the bucket, grid time. */
  readonly startMs: number;
  readonly model: string | null;
  readonly isBatch: boolean;
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

const KIND_OF_ENDPOINT = `case when b.endpoint in ('/v1/chat/completions', '/v1/completions', '/v1/responses')
    then 'completions' when b.endpoint = '/v1/embeddings' then 'embeddings'
    when b.endpoint = '/v1/moderations' then 'moderations' else 'other' end`;

/** What a tenant had answered in the half-open grid time: of batches when it was accepted, and at once. */
export async function listUsage(
  database: Queryable,
  tenantId: string,
  kind: UsageKind,
  { startMs, endMs, bucket }: { readonly startMs: number; readonly endMs: number; readonly bucket: 'day' | 'hour' },
): Promise<UsageRow[]> {
  return database.query<UsageRow>(
    `with answered as (
       select accepted.at, accepted.model, true as batch, a.completed as requests, a.input_tokens, a.output_tokens
       from accepted_shards a join batches b on b.id = a.job_id
         join lateral (
           select min(l.booked_at) as at, max(l.model) as model from ledger_bookings l
           where l.reference = 'job/' || a.job_id || '/shard/' || a.shard and l.kind = 'compute') accepted on true
       where b.tenant_id = $1 and ${KIND_OF_ENDPOINT} = $2 and accepted.at >= $3 and accepted.at < $4
       union all
       select hour, model, false, requests, input_tokens, output_tokens from live_usage
       where tenant_id = $1 and endpoint = $2 and hour >= $3 and hour < $4)
     select date_trunc($5, at, 'UTC') as "startMs", model, batch as "isBatch", sum(requests)::float8 as requests,
       sum(input_tokens)::float8 as "inputTokens", sum(output_tokens)::float8 as "outputTokens"
     from answered group by 1, 2, 3 order by 1, 2, 3`,
    [tenantId, kind, instant(startMs), instant(endMs), bucket],
  );
}
