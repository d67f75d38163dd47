import { z } from '@hono/zod-openapi';

const outlookSchema = z.object({
  readyByMs: z.number().meta({ description: 'Grid time, epoch milliseconds.' }),
  targetSocPercent: z.number(),
  chargeKwh: z.number().meta({ description: 'At the plug, from now to the end of the plan.' }),
  computeKwh: z.number(),
  computeHours: z.number(),
  costEur: z.number().meta({ description: 'Of what is charged, at the region’s prices.' }),
  gramsCo2: z.number(),
  missing: z.array(z.string()).meta({ description: 'What cannot be kept, in words.' }),
});

/** What the rest of the stay looks like as the policy stands, and as it would be changed. */
export const policyPreviewSchema = z
  .object({ id: z.string(), asItIs: outlookSchema, changed: outlookSchema })
  .openapi('PolicyPreview');
export type PolicyPreviewWire = z.output<typeof policyPreviewSchema>;
