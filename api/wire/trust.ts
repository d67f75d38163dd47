import { z } from '@hono/zod-openapi';

import { checkPolicySchema } from '../../domain/trust/checkPolicy.ts';

const gridMs = z.number().meta({ description: 'Grid time, epoch milliseconds.' });

export const quarantineSchema = z
  .object({
    vehicleId: z.string(),
    sinceMs: gridMs,
    reason: z.string(),
    evidence: z
      .object({ jobId: z.string(), shard: z.number(), checked: z.number(), differing: z.array(z.number()) })
      .meta({ description: 'Lines of the shard that were computed again, and those whose answers differ.' }),
    appeal: z.string().nullable(),
    appealedAtMs: gridMs.nullable(),
    endedAtMs: gridMs.nullable(),
    resolution: z.string().nullable(),
  })
  .openapi('Quarantine');

/** What checks of a car's answers have come to. */
export const carTrustSchema = z
  .object({
    id: z.string(),
    displayName: z.string(),
    timeZone: z.string(),
    standing: z.enum(['new', 'probation', 'good', 'trusted', 'quarantine']),
    reputations: z.array(
      z.object({
        modelFamily: z.string(),
        hardwareClass: z.string(),
        validInRow: z.number().meta({ description: 'Checks without a difference since the last one with any.' }),
        checkedLines: z.number(),
        differingLines: z.number(),
      }),
    ),
    checks: z
      .array(
        z.object({
          jobId: z.string(),
          shard: z.number(),
          lines: z.number(),
          checked: z.number(),
          differing: z.number(),
          tokens: z.number().meta({ description: 'Of generated text, read by a trusted computer.' }),
          divergent: z.number().meta({ description: 'Tokens that are farther off than the tolerance.' }),
          verdict: z.enum(['valid', 'suspect', 'guilty']),
          atMs: gridMs,
        }),
      )
      .meta({ description: 'Newest first.' }),
    quarantines: z.array(quarantineSchema).meta({ description: 'Newest first.' }),
  })
  .openapi('CarTrust');
export type CarTrustWire = z.output<typeof carTrustSchema>;

export const appealSchema = z.strictObject({ text: z.string().trim().min(1).max(2_000) }).openapi('Appeal');
export const resolutionSchema = z
  .strictObject({
    text: z.string().trim().min(1).max(2_000),
    release: z.boolean().meta({ description: 'True ends the quarantine; the car is on probation then.' }),
  })
  .openapi('QuarantineResolution');

export const trustedSchema = z
  .strictObject({
    trusted: z.boolean().meta({ description: 'Then its checks measure its class of hardware, and do not judge it.' }),
  })
  .openapi('TrustedCar');

export const quarantinesSchema = z.object({ quarantines: z.array(quarantineSchema) });
export type QuarantinesWire = z.output<typeof quarantinesSchema>;

const scopeName = z.string().min(1).max(200).nullable();
export const scopedPolicySchema = z
  .object({
    tenant: scopeName,
    model: scopeName,
    policy: checkPolicySchema,
    cost: z
      .object({ probation: z.number(), standing: z.number() })
      .meta({ description: 'Share of all computing that goes into checks of new cars, and of cars in good standing.' }),
  })
  .openapi('ScopedCheckPolicy');
export const policiesSchema = z.object({ policies: z.array(scopedPolicySchema), default: checkPolicySchema });
export type PoliciesWire = z.output<typeof policiesSchema>;
export const newPolicySchema = z.strictObject({
  tenant: scopeName.default(null),
  model: scopeName.default(null),
  policy: checkPolicySchema.nullable().meta({ description: 'null takes the policy of this scope back.' }),
});
