import { DEFAULT_CHECK_POLICY, type CheckPolicy } from './checkPolicy.ts';

/**
 * Batches of this tenant are canaries: requests of the operator's own whose answers it knows or comes to know. Cars are
 * handed their shards as they are handed any others.
 */
export const CANARY_TENANT = 'canaries';

/** Every line is compared: what is known costs nothing to compare. */
export const CANARY_POLICY: CheckPolicy = { ...DEFAULT_CHECK_POLICY, line_share: 1, min_probability: 1 };

/** Whether the batch is there to check cars, not to be answered. */
export function isCanary(tenantId: string | undefined): boolean {
  return tenantId === CANARY_TENANT;
}
