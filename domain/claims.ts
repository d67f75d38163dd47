import { z } from 'zod';

/**
 * Who may claim a car, the strongest first. All claims stand side by side; the strongest one holds the car, and when
 * it ends the next one is there again: a passing condition never takes an owner's wish away.
 */
export const CLAIM_HOLDERS = ['safety', 'grid_emergency', 'owner_now', 'limit', 'plan', 'default'] as const;
export type ClaimHolder = (typeof CLAIM_HOLDERS)[number];

/** Each writer replaces the reasons of its own source and leaves the others. */
const REASON_SOURCES = ['telemetry', 'work', 'trust', 'operator', 'policy', 'plan'] as const;
export type ReasonSource = (typeof REASON_SOURCES)[number];

/** Reasons that do not come from the planner, with what they mean. Those of the planner are in scheduler/reasons.ts. */
export const CAR_REASONS = {
  away: 'It is not at its plug.',
  may_be_leaving: 'Something says that it is leaving; nothing new starts on it until that is settled.',
  asleep: 'It sleeps or has no coverage.',
  telemetry_not_trusted: 'Its telemetry contradicts itself or its meter, so it gets no compute.',
  work_not_trusted: 'It claimed work that it cannot have done, so it gets no compute until its next stay.',
  excluded_by_operator: 'The operator keeps it from computing until that is ended.',
  quarantined: 'Its answers are not what the model says, so it gets no work until the operator has looked into it.',
  wake_failed: 'It did not wake up when it was asked to, and is tried again later.',
  charge_refused: 'A charging command had no effect, and is tried again with care.',
  grid_emergency: 'The import limit is below what the houses draw, so cars draw nothing.',
  owner_opted_out: 'The owner does not want it to compute.',
  owner_opted_out_tonight: 'The owner does not want it to compute until the time that is named.',
  owner_boost: 'The owner wants it charged now, at any price.',
  owner_hours: 'It computes only in the hours that the owner allows.',
  owner_price_limit: 'The price is above what the owner lets it compute at.',
} as const satisfies Record<string, string>;
export type CarReasonCode = keyof typeof CAR_REASONS;

export const carReasonSchema = z.object({
  source: z.enum(REASON_SOURCES),
  holder: z.enum(CLAIM_HOLDERS),
  code: z.string(),
  text: z.string(),
  value: z.number().optional(),
  limit: z.number().optional(),
});
export type CarReason = z.infer<typeof carReasonSchema>;

/** Makes a reason; the text defaults to the code's meaning. */
export function carReason(
  source: ReasonSource,
  holder: ClaimHolder,
  code: CarReasonCode,
  details: { readonly text?: string; readonly value?: number; readonly limit?: number } = {},
): CarReason {
  return { source, holder, code, ...details, text: details.text ?? CAR_REASONS[code] };
}

/** What is known of a car beside its reasons. Powers are those that the plan wants in the committed slot. */
export interface CarCondition {
  readonly plug: 'away' | 'plugged' | 'doubted';
  readonly online: boolean;
  readonly chargeKw: number;
  readonly computeKw: number;
}

export const UNKNOWN_CONDITION: CarCondition = { plug: 'away', online: false, chargeKw: 0, computeKw: 0 };

export const CAR_STATES = [
  'away',
  'leaving',
  'asleep',
  'charging_and_computing',
  'charging',
  'computing',
  'waiting',
] as const;
export type CarState = (typeof CAR_STATES)[number];

export function carStateOf({ plug, online, chargeKw, computeKw }: CarCondition): CarState {
  if (plug === 'away') return 'away';
  if (plug === 'doubted') return 'leaving';
  if (!online) return 'asleep';
  if (chargeKw > 0 && computeKw > 0) return 'charging_and_computing';
  if (chargeKw > 0) return 'charging';
  return computeKw > 0 ? 'computing' : 'waiting';
}

/** The strongest claim; without any, the car does what it does by itself. */
export function heldBy(reasons: readonly CarReason[]): ClaimHolder {
  return CLAIM_HOLDERS.find((holder) => reasons.some((reason) => reason.holder === holder)) ?? 'default';
}

/** The set with the reasons of one source replaced, the strongest claims first. */
export function withReasons(
  reasons: readonly CarReason[],
  source: ReasonSource,
  fresh: readonly CarReason[],
): CarReason[] {
  const others = reasons.filter((reason) => reason.source !== source);
  const rank = ({ holder }: CarReason): number => CLAIM_HOLDERS.indexOf(holder);
  return [...others, ...fresh].sort((a, b) => rank(a) - rank(b));
}
