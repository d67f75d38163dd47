import { z } from 'zod';

import { NightshiftError } from './errors.ts';
import { issueText } from './issueText.ts';
import { microsOf } from './money.ts';

/** What a submitter asks of the grid, as metadata of the batch: it survives every stock client. */
export interface GridHints {
  /** Grid time; only ever shortens the completion window. */
  readonly deadlineMs?: number;
  readonly maxEurPerKwh?: number;
  readonly maxGCo2PerKwh?: number;
  /** 1 first, 5 last. */
  readonly priority?: number;
  readonly regionIds?: readonly string[];
  /** The batch never costs more, micro-units of the tenant's currency. */
  readonly maxCostMicros?: number;
  /** Its price is kept. */
  readonly quoteId?: string;
  /** So many cars answer each line, and are to agree. */
  readonly quorum?: number;
}

const decimal = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,6})?$/, 'must be a decimal number, e.g. 0.12')
  .transform(Number);

const hintSchema = z.strictObject({
  'grid.deadline': z.iso
    .datetime({ offset: true, error: 'must be a time with its offset (RFC 3339), e.g. 2026-01-11T07:30:00+01:00' })
    .transform((text) => Date.parse(text))
    .optional(),
  'grid.max_price': decimal.optional(),
  'grid.max_gco2': decimal.optional(),
  'grid.max_cost': decimal.transform((value) => microsOf(value.toFixed(6))).optional(),
  'grid.quote': z.string().min(1).max(100).optional(),
  'grid.priority': z
    .string()
    .regex(/^[1-5]$/, 'must be 1 (first) to 5 (last)')
    .transform(Number)
    .optional(),
  'grid.quorum': z
    .string()
    .regex(/^[1-5]$/, 'must be 1 to 5 cars')
    .transform(Number)
    .optional(),
  'grid.region': z
    .string()
    .regex(/^[\w-]+(,[\w-]+)*$/, 'must be region ids, separated by commas')
    .transform((text) => text.split(','))
    .optional(),
  'grid.idempotency_key': z
    .string()
    .min(1, 'must not be empty')
    .max(255, 'must have at most 255 characters')
    .optional(),
});

/**
 * Reads the keys `grid.*` of a batch's metadata; other keys are the submitter's own. `grid.max_price` is EUR/kWh,
 * `grid.max_gco2` g/kWh.
 * @throws NightshiftError `invalid_request` with the field and its limit; an unknown `grid.*` key is one, since a
 *   misspelt limit would otherwise be no limit.
 */
export function parseGridHints(metadata: Readonly<Record<string, string>> | null | undefined): GridHints {
  const own = Object.entries(metadata ?? {}).filter(([key]) => key.startsWith('grid.'));
  const parsed = hintSchema.safeParse(Object.fromEntries(own));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path[0];
    const message = issue?.code === 'unrecognized_keys' ? `is not one of ${KNOWN_KEYS}` : issueText(issue);
    throw new NightshiftError('invalid_request', `metadata["${String(key)}"] ${message}.`, {
      field: `metadata.${String(key)}`,
    });
  }
  const hints = parsed.data;
  return {
    ...(hints['grid.deadline'] !== undefined && { deadlineMs: hints['grid.deadline'] }),
    ...(hints['grid.max_price'] !== undefined && { maxEurPerKwh: hints['grid.max_price'] }),
    ...(hints['grid.max_gco2'] !== undefined && { maxGCo2PerKwh: hints['grid.max_gco2'] }),
    ...(hints['grid.max_cost'] !== undefined && { maxCostMicros: hints['grid.max_cost'] }),
    ...(hints['grid.quote'] !== undefined && { quoteId: hints['grid.quote'] }),
    ...(hints['grid.priority'] !== undefined && { priority: hints['grid.priority'] }),
    ...(hints['grid.quorum'] !== undefined && { quorum: hints['grid.quorum'] }),
    ...(hints['grid.region'] !== undefined && { regionIds: hints['grid.region'] }),
  };
}

/** Submitters count from 1, first, to 5; the planner serves higher figures first. */
export function plannerPriority(priority: number): number {
  return 8 - priority;
}

/** The hints as limits of a planning job. */
export function plannerLimits({ priority, maxEurPerKwh, maxGCo2PerKwh }: GridHints): {
  readonly priority?: number;
  readonly priceCapEurPerKwh?: number;
  readonly carbonCapGPerKwh?: number;
} {
  return {
    ...(priority !== undefined && { priority: plannerPriority(priority) }),
    ...(maxEurPerKwh !== undefined && { priceCapEurPerKwh: maxEurPerKwh }),
    ...(maxGCo2PerKwh !== undefined && { carbonCapGPerKwh: maxGCo2PerKwh }),
  };
}

const KNOWN_KEYS = Object.keys(hintSchema.shape).join(', ');
