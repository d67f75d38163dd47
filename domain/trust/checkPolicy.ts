import { z } from 'zod';

/** How an answer may be checked; docs/trust.md says what each finds and costs. */
export const CHECK_KINDS = ['rerun', 'canary'] as const;
export type CheckKind = (typeof CHECK_KINDS)[number];

const shareSchema = z.number().min(0).max(1);

/** How the answers of a model, of a tenant, or of both are checked, as operators set it. */
export const checkPolicySchema = z.strictObject({
  /** Empty: nothing is checked, and any answer of the right form is taken. */
  kinds: z.array(z.enum(CHECK_KINDS)).max(CHECK_KINDS.length),
  /** Share of a shard's lines that are run again where a shard is checked; at least one line is. */
  line_share: shareSchema,
  /** Least probability that a shard of a car in good standing is checked, however long it has been. */
  min_probability: shareSchema,
  /** Canaries for each 1,000 lines of a shard. */
  canaries_per_1000: z.number().min(0).max(100),
  /** Share of an honest car's lines that differ by more than the tolerance: other hardware, near ties. */
  honest_difference: z.number().min(1e-6).max(0.2),
});
export type CheckPolicy = z.infer<typeof checkPolicySchema>;

/** Holds where the operator has set nothing. */
export const DEFAULT_CHECK_POLICY: CheckPolicy = {
  kinds: ['rerun'],
  line_share: 0.05,
  min_probability: 0.4,
  canaries_per_1000: 5,
  honest_difference: 1e-4,
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

/** Share of all computing that goes into checks: of cars on probation, and of cars that have been valid for long. */
export function costOfChecks({ kinds, line_share, min_probability, canaries_per_1000 }: CheckPolicy): {
  readonly probation: number;
  readonly standing: number;
} {
  const canaries = kinds.includes('canary') ? canaries_per_1000 / 1_000 : 0;
  const rerun = kinds.includes('rerun') ? line_share : 0;
  return { probation: canaries + rerun, standing: canaries + rerun * min_probability };
}
