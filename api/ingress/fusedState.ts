import { z } from 'zod';

import { energyTrackSchema, NEW_TRACK } from './plausibility.ts';
import { FIELD_NAMES, type FieldName } from './parseField.ts';

const readingSchema = z.object({
  value: z.union([z.number(), z.string(), z.null()]),
  /** Grid time of receipt: telemetry carries no time of its own. */
  atMs: z.number(),
  /** False for a retained message, whose age nobody knows: a prior, not evidence. */
  live: z.boolean(),
});
export type Reading = z.infer<typeof readingSchema>;

/** What is known of one car; stored with it, so that it survives a restart. Times are grid time. */
const fusedStateSchema = z.object({
  values: z.partialRecord(z.enum(FIELD_NAMES), readingSchema),
  /** Sockets of the car that were opened and not closed. */
  connectionIds: z.array(z.string()),
  /** Those that were given up because nothing was heard of the car. */
  silentIds: z.array(z.string()).default([]),
  /** Last live message of any kind. */
  contactAtMs: z.number(),
  /** Since when no socket is open; null while one is, and once the car counts as offline. */
  disconnectedAtMs: z.number().nullable(),
  online: z.boolean(),
  /** `doubted`: plugged in, but something says that it is leaving. */
  plug: z.enum(['away', 'plugged', 'doubted']),
  doubtedAtMs: z.number().nullable(),
  /** Of the present stay; absent before the first reading of energy. */
  energy: energyTrackSchema.optional(),
});
export type FusedState = z.infer<typeof fusedStateSchema>;

export function initialState(atMs: number): FusedState {
  return {
    values: {},
    connectionIds: [],
    silentIds: [],
    contactAtMs: atMs,
    disconnectedAtMs: null,
    online: false,
    plug: 'away',
    doubtedAtMs: null,
  };
}

/** The stored state; what an older version wrote in another form is forgotten. */
export function restoreState(stored: unknown, atMs: number): FusedState {
  const parsed = fusedStateSchema.safeParse(stored);
  if (!parsed.success) return initialState(atMs);
  const { energy, ...state } = parsed.data;
  // While nobody listened, silence said nothing, and what the car drew is not known.
  const { drawn: _, ...heard } = energy ?? NEW_TRACK;
  return { ...state, contactAtMs: atMs, ...(energy && { energy: heard }) };
}

/** BatteryLevel is what the car sends again and again; Soc stands in for it. */
export const SOC_FIELDS = ['BatteryLevel', 'Soc'] as const satisfies FieldName[];

export function socPercentOf({ values }: FusedState): number | null {
  for (const name of SOC_FIELDS) {
    const value = values[name]?.value;
    if (typeof value === 'number') return value;
  }
  return null;
}
