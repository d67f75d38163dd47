import { z } from '@hono/zod-openapi';
import { CAR_STATES, CLAIM_HOLDERS } from '../../domain/claims.ts';
import { JOURNAL_KINDS } from '../../domain/journal.ts';
import { batchSchema } from './batch.ts';
import { gridEventSchema } from './gridEvents.ts';

const gridMs = z.number().meta({ description: 'Grid time, epoch milliseconds.' });

/** Who a key is, and what a page that is open to it needs once. */
export const callerSchema = z
  .object({
    kind: z.enum(['owner', 'tenant']),
    name: z.string().meta({ description: 'The owner, or the tenant.' }),
    key_id: z.string().nullable().meta({ description: 'Of a tenant’s key.' }),
    scopes: z.array(z.string()),
    roles: z.array(z.enum(['operator', 'utility', 'owner', 'submitter'])).meta({ description: 'What it may look at.' }),
    cell: z.object({ id: z.string(), slot_minutes: z.number() }),
    clock: z.object({
      real_ms: z.number().meta({ description: 'Real time of the answer, epoch milliseconds.' }),
      grid_ms: gridMs,
      scale: z.number().meta({ description: 'Grid seconds that pass in a real one.' }),
    }),
    regions: z.array(z.object({ id: z.string(), time_zone: z.string() })),
    temporal_ui: z
      .string()
      .nullable()
      .meta({ description: 'Of an operator: where the Temporal UI shows a workflow, before its id.' }),
  })
  .openapi('Caller');
export type CallerWire = z.output<typeof callerSchema>;

/** A car in a list. */
export const carRowSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    owner: z.string(),
    region: z.string(),
    feeder: z.string(),
    hardware_class: z.string(),
    state: z.enum(CAR_STATES),
    held_by: z.enum(CLAIM_HOLDERS),
    why: z.string().nullable().meta({ description: 'The strongest reason, in words.' }),
    reason: z.string().nullable().meta({ description: 'Its code.' }),
    excluded: z.boolean().meta({ description: 'An operator keeps it from computing.' }),
    soc_percent: z.number().nullable(),
    charge_kw: z.number(),
    compute_kw: z.number(),
    since_ms: gridMs.nullable(),
    ready_by_ms: gridMs.nullable(),
  })
  .openapi('CarRow');
export type CarRowWire = z.output<typeof carRowSchema>;

export const ALERT_CODES = [
  'limit_exceeded',
  'emergency',
  'owner_at_risk',
  'deadline_at_risk',
  'plan_too_old',
  'feed_failing',
  'utility_failing',
  'telemetry_late',
] as const;

/** What an operator should look at. */
export const alertSchema = z
  .object({
    code: z.enum(ALERT_CODES),
    subject: z.string().meta({ description: 'Of the feeder, car, job, feed or region.' }),
    region: z.string().nullable(),
    text: z.string(),
    severity: z.enum(['critical', 'warning']),
  })
  .openapi('Alert');
export type AlertWire = z.output<typeof alertSchema>;

export const jobRowSchema = z
  .object({
    id: z.string(),
    tenant: z.string(),
    model: z.string(),
    paused: z.boolean(),
    submitted_at_ms: gridMs,
    deadline_ms: gridMs,
    eta_ms: gridMs.nullable().meta({ description: 'When the newest plan expects the last answer.' }),
    shards: z.object({ total: z.number(), pending: z.number(), in_flight: z.number(), done: z.number() }),
    requests: z.object({ total: z.number(), completed: z.number(), failed: z.number() }),
    why: z.string().nullable(),
    places: z
      .array(z.object({ region: z.string(), hardware_class: z.string(), shards: z.number() }))
      .meta({ description: 'Where the newest plan lets it run in the slot that runs.' }),
  })
  .openapi('JobRow');
export type JobRowWire = z.output<typeof jobRowSchema>;

export const journalRowSchema = z.object({
  seq: z.number().int(),
  atMs: gridMs,
  kind: z.enum(JOURNAL_KINDS),
  subject: z.string(),
  message: z.string(),
});
export type JournalRowWire = z.output<typeof journalRowSchema>;

export const regionRowSchema = z
  .object({
    id: z.string(),
    time_zone: z.string(),
    cars: z.number().int(),
    online: z.number().int(),
    plugged_in: z.number().int(),
  })
  .openapi('RegionRow');
export type RegionRowWire = z.output<typeof regionRowSchema>;

/** What comes on the page's one stream, by the name of the event. */
export const liveEventSchemas = {
  plan: z.object({ id: z.string(), created_ms: gridMs, slot_start_ms: gridMs, method: z.string(), gap: z.number() }),
  cars: z.object({
    full: z.boolean().meta({ description: 'True: the first of a list that begins anew.' }),
    rows: z.array(carRowSchema).meta({ description: 'Cars that are new or changed, at most 500 an event.' }),
    removed: z.array(z.string()),
  }),
  jobs: z.array(jobRowSchema),
  alerts: z.array(alertSchema),
  regions: z.array(regionRowSchema),
  events: z.array(gridEventSchema),
  batches: z.array(batchSchema),
  line: journalRowSchema,
} as const;
export type LiveEvents = { [Name in keyof typeof liveEventSchemas]: z.output<(typeof liveEventSchemas)[Name]> };
