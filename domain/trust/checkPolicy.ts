import { z } from 'zod';

import { MAX_QUORUM } from './quorum.ts';
import { toleranceOf, type MeasuredNoise, type Tolerance } from './tolerance.ts';

/** More would be a batch of its own (canaries.ts). */
const MAX_CANARY_SHARE = 0.2;
const shareSchema = z.number().min(0).max(1);

/** How the answers of a model, of a tenant, or of both are checked, as operators set it. */
export const checkPolicySchema = z.strictObject({
  /** False: nothing is checked, and any answer of the right form is taken. */
  enabled: z.boolean(),
  /** Share of a shard's lines that are run again where a shard is checked; at least one line is. */
  line_share: shareSchema,
  /** Least probability that a shard of a car in good standing is checked, however long it has been. */
  min_probability: shareSchema,
  /** Share of an honest car's lines that differ by more than the tolerance: other hardware, near ties. */
  honest_difference: z.number().min(1e-6).max(0.2),
  /**
   * How far numbers of an answer may be from the trusted ones, relative to the largest of their list; null: as far as
   * honest computers were measured to be apart for this very model.
   */
  tolerance: z.number().min(0).max(1).nullable(),
  /** So many cars of different owners answer each line; a batch may ask for more. The operator pays for those. */
  quorum: z.number().int().min(1).max(MAX_QUORUM).default(1),
  /** Canaries mixed into batches: so many lines beside each of the submitter's. The operator pays for them. */
  canary_share: z.number().min(0).max(MAX_CANARY_SHARE).default(0),
  /** The cell whose control processes compute again; null: any that shares the jobs. */
  checked_in: z.string().min(1).nullable().default(null),
});
export type CheckPolicy = z.infer<typeof checkPolicySchema>;

/** Holds where the operator has set nothing. */
export const DEFAULT_CHECK_POLICY: CheckPolicy = {
  enabled: true,
  line_share: 0.05,
  min_probability: 0.4,
  honest_difference: 1e-4,
  tolerance: null,
  quorum: 1,
  canary_share: 0,
  checked_in: null,
};

/** What a policy is set for; null: for all of them. */
export interface CheckScope {
  readonly tenantId: string | null;
  readonly modelName: string | null;
}

/** The policy for one tenant's batch on one model: the most specific one, and of two alike the model's. */
export function policyFor(
  policies: readonly (CheckScope & { readonly policy: CheckPolicy })[],
  { tenantId, modelName }: { readonly tenantId: string; readonly modelName: string },
): CheckPolicy {
  const rank = (scope: CheckScope): number => (scope.modelName === null ? 0 : 2) + (scope.tenantId === null ? 0 : 1);
  const [first] = policies
    .filter((scope) => (scope.tenantId ?? tenantId) === tenantId && (scope.modelName ?? modelName) === modelName)
    .toSorted((a, b) => rank(b) - rank(a));
  return first?.policy ?? DEFAULT_CHECK_POLICY;
}

/** @param measured what is known of honest computers and the model */
export function toleranceUnder(
  { tolerance }: Pick<CheckPolicy, 'tolerance'>,
  measured: readonly MeasuredNoise[],
): Tolerance {
  const known = toleranceOf(measured);
  return tolerance === null ? known : { ...known, numbers: tolerance };
}

/**
 * Share of a line's computing that goes into checks: of cars on probation, and of cars that have been valid for long. What
 * more cars answer for a quorum counts whole.
 */
export function costOfChecks({ enabled, line_share, min_probability, quorum, canary_share }: CheckPolicy): {
  readonly probation: number;
  readonly standing: number;
} {
  const probation = enabled ? line_share : 0;
  // A quorum's batches have no canaries: its cars are held against each other.
  const canaries = quorum > 1 ? 0 : canary_share;
  const copies = enabled ? quorum - 1 + canaries : 0;
  // Answers of every car are looked at, copies too.
  return {
    probation: rounded(copies + probation * quorum),
    standing: rounded(copies + probation * min_probability * quorum),
  };
}

function rounded(share: number): number {
  return Number(share.toFixed(6));
}
