import { DateTime } from 'luxon';
import { carReason, type CarReason } from './claims.ts';
import type { OwnerPolicy } from './vehicles.ts';

/** Whether the owner lets the car compute at this grid time, the price apart. */
export function ownerAllowsCompute(policy: OwnerPolicy, atMs: number): boolean {
  return policy.computeOptIn && !isOptedOutUntilLater(policy, atMs) && isWithinComputeHours(policy, atMs);
}

/** Whether the owner wants the car charged at once. */
export function isBoosting({ boostUntilMs }: OwnerPolicy, atMs: number): boolean {
  return boostUntilMs !== undefined && atMs < boostUntilMs;
}

/** What the owner's policy says about the car at this grid time. All of it, whatever else holds the car. */
export function policyReasons(policy: OwnerPolicy, atMs: number): CarReason[] {
  const reasons: CarReason[] = [];
  const clock = (ms: number): string => DateTime.fromMillis(ms, { zone: policy.timeZone }).toFormat('ccc HH:mm');
  if (!policy.computeOptIn) reasons.push(carReason('policy', 'owner_now', 'owner_opted_out'));
  if (policy.optOutUntilMs !== undefined && isOptedOutUntilLater(policy, atMs)) {
    const text = `The owner does not want it to compute until ${clock(policy.optOutUntilMs)}.`;
    reasons.push(
      carReason('policy', 'owner_now', 'owner_opted_out_tonight', { text, value: atMs, limit: policy.optOutUntilMs }),
    );
  }
  if (policy.boostUntilMs !== undefined && isBoosting(policy, atMs)) {
    const text = `The owner wants it charged now, at any price, until ${clock(policy.boostUntilMs)}.`;
    reasons.push(carReason('policy', 'owner_now', 'owner_boost', { text, value: atMs, limit: policy.boostUntilMs }));
  }
  if (!isWithinComputeHours(policy, atMs)) {
    const hours = policy.computeHours?.map(({ from, until }) => `${from} to ${until}`).join(', ');
    const text = `The owner lets it compute only ${hours}; it is ${clock(atMs)}.`;
    reasons.push(carReason('policy', 'limit', 'owner_hours', { text }));
  }
  return reasons;
}

function isOptedOutUntilLater({ optOutUntilMs }: OwnerPolicy, atMs: number): boolean {
  return optOutUntilMs !== undefined && atMs < optOutUntilMs;
}

function isWithinComputeHours({ computeHours, timeZone }: OwnerPolicy, atMs: number): boolean {
  if (computeHours === undefined) return true;
  const local = DateTime.fromMillis(atMs, { zone: timeZone });
  const time = local.toFormat('HH:mm');
  const today = local.weekday;
  const yesterday = today === 1 ? 7 : today - 1;
  return computeHours.some(({ weekdays, from, until }) => {
    const opensOn = (weekday: number): boolean => weekdays?.includes(weekday) ?? true;
    if (from < until) return opensOn(today) && from <= time && time < until;
    // A window over midnight belongs to the day on which it opens.
    return (opensOn(today) && from <= time) || (opensOn(yesterday) && time < until);
  });
}
