import { z } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { PUSH_SOURCE } from '../../scheduler/sources.ts';
import { SIGNAL_KINDS, SIGNAL_LIMITS, SIGNAL_UNITS, type SignalKind, type SignalSpan } from '../../store/signals.ts';

const MAX_SPANS = 20_000;
/** Pushed by hand: before any feed. */
const PUSH_PRIORITY = 10;

const instant = z.iso
  .datetime({ offset: true, error: 'must be a time with its offset (RFC 3339), e.g. 2026-01-11T07:30:00+01:00' })
  .meta({ description: 'RFC 3339 with its offset.' });

export const kindSchema = z.enum(SIGNAL_KINDS);

/** What a utility pushes: spans of one kind. */
export const pushSchema = z
  .strictObject({
    unit: z.string().meta({ description: 'EUR/kWh, g/kWh, Cel or kW, as the kind has it.' }),
    source: z
      .string()
      .regex(/^[\w.-]{1,80}$/, 'must have 1 to 80 letters, digits, dots, dashes')
      .default('utility'),
    feeder_id: z.string().min(1).optional().meta({ description: 'Left out: what holds in the whole region.' }),
    forecast: z.boolean().default(false),
    priority: z.number().int().min(0).max(1000).default(PUSH_PRIORITY),
    spans: z
      .array(z.strictObject({ start: instant, end: instant, value: z.number() }))
      .min(1)
      .max(MAX_SPANS, `must have at most ${MAX_SPANS} spans`),
  })
  .openapi('GridSignalPush');

/** A signal in force, in the normal form. */
export const signalSchema = z
  .object({
    kind: kindSchema,
    feeder_id: z.string().nullable(),
    start: z.string(),
    end: z.string(),
    value: z.number(),
    unit: z.string(),
    source: z.string(),
    priority: z.number().int(),
    forecast: z.boolean(),
    estimated: z.boolean(),
    fetched_at: z.string(),
    age_seconds: z.number().meta({ description: 'Grid time since it was read.' }),
    revision: z.number().int().meta({ description: 'What a source says later has the higher one.' }),
  })
  .openapi('GridSignal');

interface PushPlace {
  readonly regionId: string;
  readonly kind: SignalKind;
  readonly feederIds: readonly string[];
  readonly nowMs: number;
}

/**
 * The spans of a push, checked beyond their form.
 * @throws NightshiftError `invalid_request` with the field and its limit
 */
export function pushedSpans(push: z.output<typeof pushSchema>, place: PushPlace): SignalSpan[] {
  const { kind, regionId, feederIds, nowMs } = place;
  const { unit, feeder_id: feederId = null, source, forecast, priority } = push;
  if (unit !== SIGNAL_UNITS[kind]) throw wrong('unit', `must be ${SIGNAL_UNITS[kind]}`);
  if (feederId !== null && !feederIds.includes(feederId))
    throw wrong('feeder_id', `must be one of ${feederIds.join(', ')}`);
  const { least, most } = SIGNAL_LIMITS[kind];
  const spans = push.spans.map(({ start, end, value }, index) => {
    const [startMs, endMs] = [Date.parse(start), Date.parse(end)];
    if (endMs <= startMs) throw wrong(`spans.${index}.end`, 'must be after start');
    if (value < least || value > most) throw wrong(`spans.${index}.value`, `must be from ${least} to ${most} ${unit}`);
    return { startMs, endMs, value, index };
  });
  spans.sort((a, b) => a.startMs - b.startMs);
  for (const [at, span] of spans.entries()) {
    const before = spans[at - 1];
    if (before && before.endMs > span.startMs) {
      throw wrong(`spans.${span.index}.start`, `must not lie before the end of spans.${before.index}`);
    }
  }
  return spans.map(({ startMs, endMs, value }) => ({
    regionId,
    feederId,
    kind,
    startMs,
    endMs,
    value,
    unit,
    source: `${PUSH_SOURCE}/${source}`,
    forecast,
    priority,
    fetchedAtMs: nowMs,
  }));
}

function wrong(field: string, limit: string): NightshiftError {
  return new NightshiftError('invalid_request', `${field}: ${limit}.`, { field });
}
