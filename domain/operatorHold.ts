import { CAR_REASONS, carReason, type CarReason } from './claims.ts';

/** What keeps a car from computing since an operator wants that; its owner's charge does not suffer. */
export function operatorReasons(hold: { readonly reason: string } | undefined): CarReason[] {
  if (!hold) return [];
  const text = `${CAR_REASONS.excluded_by_operator} Why: ${hold.reason}`;
  return [carReason('operator', 'safety', 'excluded_by_operator', { text })];
}
